#include "page.h"

const char *const page_lines[] = {
#include "page.inc"
    NULL};
