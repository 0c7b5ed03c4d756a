#include "letters.h"

#include <stddef.h>

#include <utf8proc.h>

struct range {
    int32_t first, last;
};

/* Unicode 14, PropList.txt: Other_Lowercase and Other_Uppercase. */
static const struct range other_lower[] = {
    {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},    {0x2E0, 0x2E4},
    {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},   {0x1D78, 0x1D78},  {0x1D9B, 0x1DBF},
    {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x2170, 0x217F},  {0x24D0, 0x24E9},
    {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},  {0xAB5C, 0xAB5F},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};
static const struct range other_upper[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

static bool is_in(int32_t c, const struct range *ranges, size_t n) {
    for (size_t i = 0; i < n && c >= ranges[i].first; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

bool letter_is_lower(int32_t c) {
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LL ||
           is_in(c, other_lower, sizeof other_lower / sizeof *other_lower);
}

bool letter_is_upper(int32_t c) {
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LU ||
           is_in(c, other_upper, sizeof other_upper / sizeof *other_upper);
}

bool letter_is_any(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default: /* letters in circles and squares; the joiners of scripts that join letters */
        return letter_is_lower(c) || letter_is_upper(c) || c == 0x200C || c == 0x200D;
    }
}
