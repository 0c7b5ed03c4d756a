#include "base/blocks.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

static uint16_t half_at(const unsigned char *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}
static void put_half(uint16_t half, unsigned char *bytes) {
    bytes[0] = (unsigned char)half;
    bytes[1] = (unsigned char)(half >> 8);
}

/* ---- Blocks of 32: d, then the steps ---- */

static void read_q4_0(const unsigned char *block, size_t index, struct dm_group *group) {
    (void)index;
    group->scale = half_at(block);
    for (size_t i = 0; i < DM_GROUP / 2; i++) {
        group->steps[i] = (int8_t)((block[2 + i] & 15) - 8);
        group->steps[i + DM_GROUP / 2] = (int8_t)((block[2 + i] >> 4) - 8);
    }
}

static void read_q8_0(const unsigned char *block, size_t index, struct dm_group *group) {
    (void)index;
    group->scale = half_at(block);
    memcpy(group->steps, block + 2, DM_GROUP);
}

static bool write_q8_0(const float *x, unsigned char *block) {
    float most = 0, poison = 0; /* 0, or NaN */
    for (size_t i = 0; i < DM_GROUP; i++) {
        most = fmaxf(most, fabsf(x[i]));
        poison += 0 * x[i];
    }
    uint16_t d = dm_f16_from_float(most / 127 + poison);
    float step = dm_f16_to_float(d), inverse = step > 0 && !isinf(step) ? 1 / step : 0;
    put_half(d, block);
    for (size_t i = 0; i < DM_GROUP; i++) {
        long steps = isnan(poison) ? 0 : lrintf(x[i] * inverse);
        block[2 + i] = (unsigned char)(steps > 127 ? 127 : steps < -127 ? -127 : steps);
    }
    return isnan(poison) || !isinf(step);
}

/* ---- Blocks of 256 ---- */

enum { head_bytes = 4, scales_bytes = 12, nibbles_bytes = 128 };

/* The scale and the minimum of a group, 6 bits each: the first four groups have a byte for each, whose
 * higher bits belong to the last four. */
static uint16_t scale_of(const unsigned char *bytes, size_t g) {
    int scale = g < 4 ? bytes[g] & 63 : (bytes[g + 4] & 15) | bytes[g - 4] >> 6 << 4;
    int minimum = g < 4 ? bytes[g + 4] & 63 : bytes[g + 4] >> 4 | bytes[g] >> 6 << 4;
    return (uint16_t)(scale | minimum << 8);
}
static void put_scale(int scale, int minimum, size_t g, unsigned char *bytes) {
    if (g < 4) {
        bytes[g] |= (unsigned char)scale;
        bytes[g + 4] |= (unsigned char)minimum;
    } else {
        bytes[g + 4] = (unsigned char)((scale & 15) | (minimum & 15) << 4);
        bytes[g - 4] |= (unsigned char)(scale >> 4 << 6);
        bytes[g] |= (unsigned char)(minimum >> 4 << 6);
    }
}

/* Two groups share 32 bytes: the first has the lower halves. */
static int nibble_of(const unsigned char *nibbles, size_t g, size_t i) {
    return nibbles[g / 2 * DM_GROUP + i] >> 4 * (g % 2) & 15;
}

static void read_q4_k(const unsigned char *block, size_t g, struct dm_group *group) {
    *group =
        (struct dm_group){half_at(block), half_at(block + 2), scale_of(block + head_bytes, g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++)
        group->steps[i] = (int8_t)nibble_of(block + head_bytes + scales_bytes, g, i);
}

static void read_q5_k(const unsigned char *block, size_t g, struct dm_group *group) {
    const unsigned char *high = block + head_bytes + scales_bytes;
    *group =
        (struct dm_group){half_at(block), half_at(block + 2), scale_of(block + head_bytes, g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++)
        group->steps[i] = (int8_t)(nibble_of(high + DM_GROUP, g, i) | (high[i] >> g & 1) << 4);
}

/* Halves of 128 weights: 64 bytes of lower bits, 32 of higher ones, two for each weight; then a scale
 * for each 16 weights, and d. */
static void read_q6_k(const unsigned char *block, size_t g, struct dm_group *group) {
    const unsigned char *low = block + g / 4 * 64 + g % 2 * DM_GROUP;
    const unsigned char *high = block + nibbles_bytes + g / 4 * DM_GROUP;
    const unsigned char *scales = block + nibbles_bytes + nibbles_bytes / 2;
    *group = (struct dm_group){half_at(scales + 16), 0, half_at(scales + 2 * g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++) {
        int lower = low[i] >> g % 4 / 2 * 4 & 15, higher = high[i] >> 2 * (g % 4) & 3;
        group->steps[i] = (int8_t)((lower | higher << 4) - 32);
    }
}

/* ---- Rounding to Q4_K ---- */

enum { MOST = 15, MOST_SCALE = 63, super_weights = DM_SUPER_GROUPS * DM_GROUP };

/* A line on which a group's weights lie: scale * steps - minimum, neither below 0. */
struct line {
    float scale, minimum, error;
};

/* To the nearest whole number, ties to even, for what is far below 2^22. */
static float nearest(float x) {
    return x + 0x1.8p23f - 0x1.8p23f;
}
static float steps_of(float x, const struct line *line, float inverse) {
    float steps = nearest((x + line->minimum) * inverse);
    return steps < 0 ? 0 : steps > MOST ? MOST : steps;
}

/* Four numbers at a time, by any instruction set: most of the time of rounding goes here. */
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_bits __attribute__((vector_size(16)));

static four four_steps(four x, const struct line *line, float inverse) {
    const four most = {MOST, MOST, MOST, MOST};
    four steps = (x + line->minimum) * inverse;
    steps = (four)((four_bits)steps & (steps > 0));
    four_bits fits = steps < most;
    steps = (four)(((four_bits)steps & fits) | ((four_bits)most & ~fits));
    return steps + 0x1.8p23f - 0x1.8p23f;
}
static float sum_of(four a) {
    return a[0] + a[1] + a[2] + a[3];
}

/* Moves the line to where it fits best for the steps that it gives now (least squares). */
static struct line fit(const float *x, float sum, float square, const struct line *line) {
    four steps_sum = {0}, steps_square = {0}, steps_product = {0};
    float inverse = line->scale > 0 ? 1 / line->scale : 0;
    for (size_t i = 0; i < DM_GROUP; i += 4) {
        four own;
        memcpy(&own, x + i, sizeof own);
        four steps = four_steps(own, line, inverse);
        steps_sum += steps;
        steps_square += steps * steps;
        steps_product += steps * own;
    }
    const float n = sum_of(steps_sum), n_square = sum_of(steps_square),
                product = sum_of(steps_product);
    float spread = DM_GROUP * n_square - n * n;
    struct line moved = *line;
    if (spread > 0) {
        moved.scale = (DM_GROUP * product - n * sum) / spread;
        moved.minimum = (n * product - n_square * sum) / spread;
    }
    if (spread <= 0 && n > 0) /* the same steps for all */
        moved.scale = (sum + DM_GROUP * line->minimum) / n;
    if (moved.minimum < 0) {
        moved.minimum = 0;
        moved.scale = n_square > 0 ? product / n_square : 0;
    }
    float a = moved.scale, b = moved.minimum;
    moved.error = square - 2 * a * product + 2 * b * sum + a * a * n_square - 2 * a * b * n +
                  DM_GROUP * b * b;
    return moved;
}

/* From lines through the least and the greatest weight, and past them, two moves each: more of either
 * are slower, and hardly better. */
static struct line best_line(const float *x) {
    static const float counts[] = {14.5F, 15.125F, 15.75F, 16.375F, 17}; /* steps between the two */
    float least = 0, most = x[0], sum = 0, square = 0;
    for (size_t i = 0; i < DM_GROUP; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
        sum += x[i];
        square += x[i] * x[i];
    }
    struct line best = {0, -least, INFINITY};
    for (size_t k = 0; k < sizeof counts / sizeof *counts && most > least; k++) {
        struct line line = {(most - least) / counts[k], -least, 0};
        for (int move = 0; move < 2; move++) {
            line = fit(x, sum, square, &line);
            if (line.error < best.error)
                best = line;
        }
    }
    return best;
}

/* A number's share of d or d_min, in 6 bits. */
static int share(float number, float step) {
    return step > 0 ? (int)fminf(nearest(number / step), MOST_SCALE) : 0;
}

static bool write_q4_k(const float *x, unsigned char *block) {
    const float limit =
        65504.0F * MOST_SCALE * MOST; /* no line through a greater one has f16 scales */
    struct line lines[DM_SUPER_GROUPS];
    float scale = 0, minimum = 0, poison = 0, most = 0;
    memset(block, 0, dm_blocks_q4_k.n_byte);
    for (size_t i = 0; i < super_weights; i++) {
        poison += 0 * x[i];
        most = fmaxf(most, fabsf(x[i]));
    }
    if (isnan(poison) || most > limit) {
        put_half(0x7e00, block); /* NaN */
        return isnan(poison);
    }
    for (size_t g = 0; g < DM_SUPER_GROUPS; g++) {
        lines[g] = best_line(x + g * DM_GROUP);
        scale = fmaxf(scale, lines[g].scale);
        minimum = fmaxf(minimum, lines[g].minimum);
    }
    const uint16_t d = dm_f16_from_float(scale / MOST_SCALE),
                   d_min = dm_f16_from_float(minimum / MOST_SCALE);
    const float step = dm_f16_to_float(d), min_step = dm_f16_to_float(d_min);
    put_half(d, block);
    put_half(d_min, block + 2);
    if (!isfinite(step) || !isfinite(min_step))
        return false;
    for (size_t g = 0; g < DM_SUPER_GROUPS; g++) {
        int of_d = share(lines[g].scale, step), of_min = share(lines[g].minimum, min_step);
        const struct line line = {step * (float)of_d, min_step * (float)of_min, 0};
        unsigned char *nibbles = block + head_bytes + scales_bytes + g / 2 * DM_GROUP;
        put_scale(of_d, of_min, g, block + head_bytes);
        for (size_t i = 0; i < DM_GROUP; i++)
            nibbles[i] |=
                (unsigned char)((int)steps_of(x[g * DM_GROUP + i], &line, of_d ? 1 / line.scale : 0)
                                << 4 * (g % 2));
    }
    return true;
}

/* ---- Rows ---- */

const struct dm_block_kind dm_blocks_q4_0 = {"q4_0", 2, DM_GROUP,  18,  DM_SCALE_HALF,
                                             -8,     7, read_q4_0, NULL};
const struct dm_block_kind dm_blocks_q8_0 = {"q8_0", 8,   DM_GROUP,  34,        DM_SCALE_HALF,
                                             -128,   127, read_q8_0, write_q8_0};
const struct dm_block_kind dm_blocks_q4_k = {"q4_K", 12, super_weights, 144,       DM_SCALE_MINIMUM,
                                             0,      15, read_q4_k,     write_q4_k};
const struct dm_block_kind dm_blocks_q5_k = {"q5_K", 13, super_weights, 176, DM_SCALE_MINIMUM,
                                             0,      31, read_q5_k,     NULL};
const struct dm_block_kind dm_blocks_q6_k = {"q6_K", 14, super_weights, 210, DM_SCALE_TWO,
                                             -32,    31, read_q6_k,     NULL};

void dm_blocks_read(const struct dm_block_kind *kind, const void *row, size_t index,
                    struct dm_group *group) {
    size_t of_block = kind->n_weight / DM_GROUP;
    kind->read((const unsigned char *)row + index / of_block * kind->n_byte, index % of_block,
               group);
}

/* d * scale and d_min * scale are exact, and so are they times the steps. */
static float weight_of(const struct dm_block_kind *kind, const struct dm_group *group, size_t i) {
    float steps = group->steps[i], d = dm_f16_to_float(group->d);
    switch (kind->form) {
    case DM_SCALE_HALF:
        return dm_f16_to_float(group->scale) * steps;
    case DM_SCALE_MINIMUM:
        return d * (float)(group->scale & 255) * steps -
               dm_f16_to_float(group->d_min) * (float)(group->scale >> 8);
    default:
        return d * (float)(int8_t)(i < DM_GROUP / 2 ? group->scale & 255 : group->scale >> 8) *
               steps;
    }
}

void dm_blocks_to_floats(const struct dm_block_kind *kind, const void *row, size_t first, size_t n,
                         float *out) {
    struct dm_group group = {0};
    for (size_t i = first; i < first + n; i++) {
        if (i == first || i % DM_GROUP == 0)
            dm_blocks_read(kind, row, i / DM_GROUP, &group);
        out[i - first] = weight_of(kind, &group, i % DM_GROUP);
    }
}

bool dm_blocks_from_floats(const struct dm_block_kind *kind, const float *x, size_t n, void *row) {
    unsigned char *block = row;
    float rest[super_weights] = {0};
    bool fits = true;
    for (size_t i = 0; i < n; i += kind->n_weight, block += kind->n_byte) {
        bool is_whole = n - i >= kind->n_weight;
        if (!is_whole)
            memcpy(rest, x + i, (n - i) * sizeof *rest);
        fits &= kind->write(is_whole ? x + i : rest, block);
    }
    return fits;
}
