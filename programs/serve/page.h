#ifndef DECIMAMBA_SERVE_PAGE_H
#define DECIMAMBA_SERVE_PAGE_H

#include <stddef.h>

/* The page at "/": a file of HTML, in lines that end with NULL. */
extern const char *const page_lines[];

#endif
