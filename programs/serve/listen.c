#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/fail.h"

static bool read_port(int listening, unsigned *port) {
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    if (getsockname(listening, (struct sockaddr *)&own, &size))
        return false;
    *port = ntohs(own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port
                                            : ((struct sockaddr_in *)&own)->sin_port);
    return true;
}

/* 0, or what errno says. */
static int open_socket(const struct addrinfo *address, int *listening) {
    enum { backlog = 511 };
    int yes = 1;
    *listening = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (*listening < 0)
        return errno;
    fcntl(*listening, F_SETFD, FD_CLOEXEC);
    setsockopt(*listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(*listening, address->ai_addr, address->ai_addrlen) || listen(*listening, backlog)) {
        int fault = errno;
        close(*listening);
        *listening = -1;
        return fault;
    }
    return 0;
}

int listen_at(const char *host, unsigned *port, bool *is_ipv6) {
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char service[16];
    int listening = -1;
    snprintf(service, sizeof service, "%u", *port);
    int fault = getaddrinfo(host, service, &hints, &addresses);
    if (fault) {
        complain("--host %s: %s", host, gai_strerror(fault));
        return -1;
    }
    fault = open_socket(addresses, &listening);
    *is_ipv6 = addresses->ai_family == AF_INET6;
    if (!fault && !read_port(listening, port))
        fault = errno;
    if (fault) {
        complain("%s port %u: cannot listen: %s%s", host, *port, strerror(fault),
                 fault == EADDRINUSE ? " (--port 0 takes a free one)" : "");
        if (listening >= 0)
            close(listening);
        listening = -1;
    }
    freeaddrinfo(addresses);
    return listening;
}
