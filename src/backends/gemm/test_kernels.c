/* Each kernel that this processor has, against sums in double: any number of rows and columns, rows
 * and panels apart, blocks of inputs, and memory that ends where the operands do. */
#include "backends/gemm/test_gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/cpu.h"
#include "backends/gemm/groups.h"
#include "backends/gemm/kernel.h"
#include "backends/gemm/pack.h"
#include "base/cpu_features.h"
#include "base/half.h"
#include "base/random.h"

enum { max_kernels = 64, max_rows = 40 };

struct kernels {
    const struct dm_gemm_kernel *list[max_kernels];
    dm_dtype compute[max_kernels];
    const struct dm_block_kind *blocks[max_kernels]; /* in groups; else NULL */
    size_t n;
};

static void add_kernel(struct kernels *kernels, const struct dm_gemm_kernel *kernel,
                       dm_dtype compute, const struct dm_block_kind *blocks) {
    if (!kernel)
        return;
    assert_true(kernels->n < max_kernels);
    kernels->list[kernels->n] = kernel;
    kernels->compute[kernels->n] = compute;
    kernels->blocks[kernels->n++] = blocks;
}

/* Whatever is best with some of the processor's instruction sets. */
static struct kernels list_kernels(void) {
    static const unsigned sets[] = {DM_CPU_AVX2,        DM_CPU_AVX_VNNI,    DM_CPU_AVX512,
                                    DM_CPU_AVX512_VNNI, DM_CPU_AVX512_BF16, DM_CPU_AMX_BF16,
                                    DM_CPU_AMX_INT8,    DM_CPU_NEON,        DM_CPU_NEON_DOT};
    struct kernels kernels = {.n = 0};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        unsigned flags = sets[i] & dm_cpu_features();
        for (dm_dtype compute = DM_DTYPE_F32; compute <= DM_DTYPE_INT8; compute++)
            add_kernel(&kernels, dm_gemm_kernel(compute, flags), compute, NULL);
        for (size_t k = 0; k < test_n_block_kind; k++)
            add_kernel(&kernels,
                       dm_gemm_group_kernel(dm_blocks_are_narrow(test_block_kinds[k]), flags),
                       DM_DTYPE_Q4, test_block_kinds[k]);
    }
    return kernels;
}

/* ---- Memory that ends at a page which may not be touched ---- */

struct pages {
    unsigned char *bytes;
    size_t n_byte;
};

static void *at_the_end(size_t n_byte, struct pages *pages) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n_byte + page - 1) / page * page;
    pages->n_byte = size + page;
    pages->bytes =
        mmap(NULL, pages->n_byte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages->bytes != MAP_FAILED);
    assert_int_equal(mprotect(pages->bytes + size, page, PROT_NONE), 0);
    return pages->bytes + size - n_byte;
}

/* ---- A product ---- */

struct product {
    const struct dm_gemm_kernel *kernel;
    dm_dtype compute;
    const struct dm_block_kind *blocks;
    size_t n_row, n_in, n_out, n_unit, x_step, panel_step, y_step;
    float *weight, *floats; /* [n_out, n_in], [n_row, n_in]: exact in the type */
    void *x;
    uint32_t *panels;
    float *row_scale, *column_scale;
    int32_t *column_offset;
    uint16_t *group_scales;
    size_t group_scale_step;
    struct pages of_x, of_panels, of_scale, of_offset, of_groups;
};

static float draw(struct dm_random *random, dm_dtype compute) {
    float value = (float)dm_random_normal(random);
    return compute >= DM_DTYPE_INT8   ? (float)dm_random_below(random, 255) - 127
           : compute == DM_DTYPE_BF16 ? dm_bf16_to_float(dm_bf16_from_float(value))
                                      : value;
}

static void make_x(struct product *p, struct dm_random *random) {
    size_t row_byte = p->n_unit * p->kernel->unit_bytes;
    p->x_step = row_byte + 4 * dm_random_below(random, 3);
    p->x = at_the_end((p->n_row - 1) * p->x_step + row_byte, &p->of_x);
    for (size_t t = 0; t < p->n_row; t++) {
        float *x = p->floats + t * p->n_in;
        unsigned char *row = (unsigned char *)p->x + t * p->x_step;
        for (size_t i = 0; i < p->n_in; i++)
            x[i] = draw(random, p->compute);
        if (p->compute == DM_DTYPE_INT8)
            x[p->n_in / 2] = 127; /* so that a step is 1 */
        for (size_t i = 0; i < p->n_in && p->blocks; i += DM_GROUP)
            x[i] = 127;
        if (!p->kernel->prepare)
            memcpy(row, x, row_byte);
        else
            p->row_scale[t] = p->kernel->prepare(x, p->n_in, row, row_byte);
    }
}

static void make_groups(struct product *p, struct dm_packing *packing, struct dm_random *random) {
    size_t n_panel = (p->n_out + p->kernel->columns - 1) / p->kernel->columns;
    size_t row_bytes = dm_blocks_bytes(p->blocks, p->n_in);
    unsigned char *data = test_random_blocks(p->blocks, p->n_out, p->n_in, random);
    const struct dm_matrix_source source = {
        .data = data, .n_out = p->n_out, .n_in = p->n_in, .blocks = p->blocks};
    p->group_scale_step = dm_group_scales((p->n_in + DM_GROUP - 1) / DM_GROUP) * p->kernel->columns;
    packing->scale_step = p->group_scale_step;
    packing->scales = p->group_scales =
        at_the_end(n_panel * p->group_scale_step * sizeof(uint16_t), &p->of_groups);
    for (size_t o = 0; o < p->n_out; o++)
        dm_blocks_to_floats(p->blocks, data + o * row_bytes, 0, p->n_in, p->weight + o * p->n_in);
    assert_int_equal(dm_pack_groups(packing, p->blocks, &source, NULL), DM_OK);
    free(data);
}

static void make_weight(struct product *p, const struct dm_ops *ops, struct dm_random *random) {
    size_t n_panel = (p->n_out + p->kernel->columns - 1) / p->kernel->columns;
    const struct dm_matrix_source source = {p->weight, DM_DTYPE_AUTO, p->n_out,
                                            p->n_in,   false,         NULL};
    p->panel_step = p->n_unit * p->kernel->columns;
    p->panels = at_the_end(n_panel * p->panel_step * sizeof *p->panels, &p->of_panels);
    struct dm_packing packing = {.convert = &ops->convert,
                                 .kernel = p->kernel,
                                 .panels = p->panels,
                                 .panel_step = p->panel_step,
                                 .n_term = 1};
    p->column_scale = at_the_end(p->n_out * sizeof(float), &p->of_scale);
    p->column_offset = at_the_end(p->n_out * sizeof(int32_t), &p->of_offset);
    p->group_scales = at_the_end(1, &p->of_groups);
    if (p->blocks) {
        munmap(p->of_groups.bytes, p->of_groups.n_byte);
        make_groups(p, &packing, random);
        return;
    }
    for (size_t i = 0; i < p->n_out * p->n_in; i++)
        p->weight[i] = draw(random, p->compute);
    for (size_t o = 0; o < p->n_out && p->compute == DM_DTYPE_INT8; o++)
        p->weight[o * p->n_in] = -127;
    if (p->compute != DM_DTYPE_INT8)
        dm_pack_matrix(&packing, &source);
    else
        assert_int_equal(dm_pack_bytes(&packing, &source, p->column_scale, p->column_offset, NULL),
                         DM_OK);
}

static struct product make_product(const struct kernels *kernels, size_t index,
                                   const struct dm_ops *ops, size_t n_row, size_t n_in,
                                   size_t n_out, struct dm_random *random) {
    const struct dm_gemm_kernel *kernel = kernels->list[index];
    size_t whole = kernel->unit * kernel->whole_units;
    struct product p = {.kernel = kernel,
                        .compute = kernels->compute[index],
                        .blocks = kernels->blocks[index],
                        .n_row = n_row,
                        .n_in = n_in,
                        .n_out = n_out,
                        .n_unit = (n_in + whole - 1) / whole * kernel->whole_units,
                        .y_step = n_out + dm_random_below(random, 5),
                        .weight = test_some(n_out * n_in, sizeof(float)),
                        .floats = test_some(n_row * n_in, sizeof(float)),
                        .row_scale = test_some(n_row, sizeof(float))};
    make_x(&p, random);
    make_weight(&p, ops, random);
    return p;
}

static void free_product(struct product *p) {
    const struct pages all[] = {p->of_x, p->of_panels, p->of_scale, p->of_offset, p->of_groups};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        munmap(all[i].bytes, all[i].n_byte);
    free(p->weight);
    free(p->floats);
    free(p->row_scale);
}

/* Rows [row, row + n) of the product, by blocks of `n_block` units; added to what is in y where it
 * accumulates, which only one block does. */
static void multiply(const struct product *p, size_t row, size_t n, size_t n_block, bool accumulate,
                     float *y) {
    for (size_t unit = 0, n_unit; unit < p->n_unit; unit += n_unit) {
        n_unit = p->n_unit - unit < n_block ? p->n_unit - unit : n_block;
        const struct dm_gemm_block block = {
            .n_row = n,
            .n_column = p->n_out,
            .n_unit = n_unit,
            .x = (const unsigned char *)p->x + row * p->x_step + unit * p->kernel->unit_bytes,
            .x_step = p->x_step,
            .panels = p->panels + unit * p->kernel->columns,
            .panel_step = p->panel_step,
            .before = unit ? y : NULL,
            .before_step = p->y_step,
            .y = y,
            .y_step = p->y_step,
            .accumulate = accumulate,
            .row_scale = p->row_scale + row,
            .column_scale = p->column_scale,
            .column_offset = p->column_offset,
            .scales = p->group_scales,
            .scale_step = p->group_scale_step,
            .form = p->blocks ? p->blocks->form : 0,
            .zero = p->blocks ? dm_group_zero(p->blocks, p->kernel) : 0};
        p->kernel->multiply(&block);
    }
}

/* y, between whose rows nothing is written, at the end of its memory. */
static float *new_y(const struct product *p, size_t n_row, struct pages *pages) {
    size_t n = (n_row - 1) * p->y_step + p->n_out;
    float *y = at_the_end(n * sizeof *y, pages);
    for (size_t i = 0; i < n; i++)
        y[i] = i % p->y_step < p->n_out ? 1 : 12345;
    return y;
}

static void check_values(const struct product *p, const float *y) {
    for (size_t t = 0; t < p->n_row; t++)
        for (size_t o = 0; o < p->y_step && (t + 1 < p->n_row || o < p->n_out); o++) {
            double sum = 0, size = 0;
            if (o >= p->n_out) {
                assert_true(y[t * p->y_step + o] == 12345);
                continue;
            }
            for (size_t i = 0; i < p->n_in; i++) {
                double term =
                    (double)p->floats[t * p->n_in + i] * (double)p->weight[o * p->n_in + i];
                sum += term;
                size += fabs(term);
            }
            double apart = fabs((double)y[t * p->y_step + o] - sum);
            double allowed = p->compute == DM_DTYPE_INT8 ? fabs(sum) * 0x1p-24 : 2e-6 * size;
            if (!(apart <= allowed))
                fail_msg("%s, %zu x %zu x %zu, row %zu, column %zu: %.9g instead of %.9g",
                         p->kernel->name, p->n_row, p->n_in, p->n_out, t, o,
                         (double)y[t * p->y_step + o], sum);
        }
}

/* In 8 bits scales are floats: y is the whole sum as a float, times the product of the two. */
static void check_scales(struct product *p, struct dm_random *random) {
    struct pages pages;
    float *whole = new_y(p, p->n_row, &pages), *y;
    struct pages of_y;
    multiply(p, 0, p->n_row, p->n_unit, false, whole); /* scales are 1 */
    for (size_t o = 0; o < p->n_out; o++)
        p->column_scale[o] = (float)dm_random_uniform(random);
    for (size_t t = 0; t < p->n_row; t++)
        p->row_scale[t] = (float)dm_random_uniform(random);
    y = new_y(p, p->n_row, &of_y);
    multiply(p, 0, p->n_row, p->n_unit, false, y);
    for (size_t t = 0; t < p->n_row; t++)
        for (size_t o = 0; o < p->n_out; o++)
            assert_true(y[t * p->y_step + o] ==
                        whole[t * p->y_step + o] * (p->column_scale[o] * p->row_scale[t]));
    munmap(pages.bytes, pages.n_byte);
    munmap(of_y.bytes, of_y.n_byte);
}

static void expect_rows(const struct product *p, const float *y, const float *other, size_t n) {
    for (size_t t = 0; t < n; t++)
        if (memcmp(y + t * p->y_step, other + t * p->y_step, p->n_out * sizeof *y) != 0)
            fail_msg("%s, %zu x %zu x %zu: row %zu has other bits", p->kernel->name, p->n_row,
                     p->n_in, p->n_out, t);
}

/* Fewer rows, and blocks of inputs, have the bits of all at once; and what is added is that. */
static void check_bits(const struct product *p, const float *y, struct dm_random *random) {
    struct pages pages;
    for (size_t n = 1; n <= p->n_row; n++) {
        size_t row = dm_random_below(random, p->n_row - n + 1);
        size_t whole = p->kernel->whole_units;
        size_t n_block = p->compute >= DM_DTYPE_INT8
                             ? p->n_unit
                             : whole * (1 + dm_random_below(random, p->n_unit / whole + 1));
        float *part = new_y(p, n, &pages);
        multiply(p, row, n, n_block, false, part);
        expect_rows(p, part, y + row * p->y_step, n);
        munmap(pages.bytes, pages.n_byte);
    }
    float *sum = new_y(p, p->n_row, &pages);
    multiply(p, 0, p->n_row, p->n_unit, true, sum);
    for (size_t t = 0; t < p->n_row; t++)
        for (size_t o = 0; o < p->n_out; o++)
            assert_true(sum[t * p->y_step + o] == 1 + y[t * p->y_step + o]);
    munmap(pages.bytes, pages.n_byte);
}

void test_kernels(void **state) {
    (void)state;
    static const size_t widths[] = {1, 2, 3, 5, 16, 31, 64, 67, 130, 257};
    static const size_t heights[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 65, 97, 128, 131};
    const struct kernels kernels = list_kernels();
    struct dm_random random;
    struct dm_ops ops;
    struct pages pages;
    dm_random_seed(&random, 23);
    dm_cpu_plain_ops(&ops, dm_cpu_features());
    for (size_t k = 0; k < kernels.n; k++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            for (size_t o = 0; o < sizeof heights / sizeof *heights; o++) {
                size_t n_row = 1 + dm_random_below(&random, (i + o) % 3 ? 8 : max_rows);
                struct product p =
                    make_product(&kernels, k, &ops, n_row, widths[i], heights[o], &random);
                float *y = new_y(&p, n_row, &pages);
                multiply(&p, 0, n_row, p.n_unit, false, y);
                check_values(&p, y);
                check_bits(&p, y, &random);
                if (kernels.compute[k] == DM_DTYPE_INT8)
                    check_scales(&p, &random);
                munmap(pages.bytes, pages.n_byte);
                free_product(&p);
            }
}
