#ifndef DECIMAMBA_SERVE_LISTEN_H
#define DECIMAMBA_SERVE_LISTEN_H

#include <stdbool.h>

/* A socket that listens at a host's first address; port 0: any, and *port says which. -1 after a fault,
 * whose line is printed. */
int listen_at(const char *host, unsigned *port, bool *is_ipv6);

#endif
