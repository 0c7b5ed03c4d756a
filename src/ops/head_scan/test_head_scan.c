#include "ops/test_variants.h"

enum { MOST_SEQUENCES = 6, MOST_STATES = 140 };

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* A random batch, and room for what one variant makes of it. */
struct batch {
    struct dm_head_scan op;
    size_t n_token, n_xBC, n_y, n_delta, n_D, n_state; /* floats; n_state: of a sequence */
    size_t start[MOST_SEQUENCES + 1];
    float *xBC, *delta, *A, *D, *y, *first[MOST_SEQUENCES], *state[MOST_SEQUENCES];
    float *first_scale[MOST_SEQUENCES], *scale[MOST_SEQUENCES]; /* some 0, which stand for 1 */
};

struct sizes {
    size_t n_head, head_dim, d_state, n_group;
    bool D_by_channel;
};

static void batch_new(struct batch *b, struct dm_random *random, const size_t *length,
                      size_t n_sequence, struct sizes sizes) {
    b->op = (struct dm_head_scan){.n_sequence = n_sequence,
                                  .n_head = sizes.n_head,
                                  .head_dim = sizes.head_dim,
                                  .d_state = sizes.d_state,
                                  .n_group = sizes.n_group,
                                  .D_by_channel = sizes.D_by_channel,
                                  .start = b->start,
                                  .ssm_state = b->state,
                                  .scale = b->scale};
    size_t E = sizes.n_head * sizes.head_dim;
    b->n_token = 0;
    b->n_state = sizes.d_state * E;
    for (size_t s = 0; s < n_sequence; s++) {
        b->start[s] = b->n_token;
        b->n_token += length[s];
        b->first[s] = random_floats(random, b->n_state, 0, 1);
        b->state[s] = copied_floats(b->first[s], b->n_state);
        b->first_scale[s] = new_floats(sizes.n_head);
        for (size_t h = 0; h < sizes.n_head; h++)
            b->first_scale[s][h] = (h + s) % 3 ? (float)dm_random_uniform(random) : 0;
        b->scale[s] = copied_floats(b->first_scale[s], sizes.n_head);
    }
    b->start[n_sequence] = b->n_token;
    b->n_xBC = b->n_token * dm_head_scan_width(&b->op);
    b->n_y = b->n_token * E;
    b->n_delta = b->n_token * sizes.n_head;
    b->n_D = sizes.D_by_channel ? E : sizes.n_head;
    b->op.xBC = b->xBC = random_floats(random, b->n_xBC, 0, 1);
    b->op.delta = b->delta = random_floats(random, b->n_delta, -2, 1);
    b->op.A = b->A = random_floats(random, sizes.n_head, 0, 1.5);
    b->op.D = b->D = random_floats(random, b->n_D, 1, 1);
    b->op.y = b->y = new_floats(b->n_y);
    for (size_t i = 0; i < b->n_delta; i++)
        b->delta[i] = expf(b->delta[i]);
    for (size_t i = 0; i < sizes.n_head; i++)
        b->A[i] = -expf(b->A[i]);
}

static void batch_rewind(struct batch *b) {
    for (size_t s = 0; s < b->op.n_sequence; s++) {
        memcpy(b->state[s], b->first[s], b->n_state * sizeof(float));
        memcpy(b->scale[s], b->first_scale[s], b->op.n_head * sizeof(float));
    }
    for (size_t i = 0; i < b->n_y; i++)
        b->y[i] = dm_float_from_bits(GUARD_BITS);
}

static void batch_free(struct batch *b) {
    for (size_t s = 0; s < b->op.n_sequence; s++) {
        free_floats(b->first[s], b->n_state);
        free_floats(b->state[s], b->n_state);
        free_floats(b->first_scale[s], b->op.n_head);
        free_floats(b->scale[s], b->op.n_head);
    }
    free_floats(b->xBC, b->n_xBC);
    free_floats(b->delta, b->n_delta);
    free_floats(b->A, b->op.n_head);
    free_floats(b->D, b->n_D);
    free_floats(b->y, b->n_y);
}

/* One channel of head h in one sequence by the formula, in double. The tolerance grows with the sum
 * of the absolute values of all terms, which is what rounding errors grow with. */
static void check_channel(const struct batch *b, const char *cpu, size_t s, size_t h, size_t p) {
    double S[MOST_STATES], size[MOST_STATES], tolerance = 5e-6;
    const struct dm_head_scan *op = &b->op;
    size_t N = op->d_state, P = op->head_dim, c = h * P + p;
    double first_scale = b->first_scale[s][h], scale = (double)dm_head_scan_scale(op, s, h);
    for (size_t n = 0; n < N; n++) {
        S[n] = b->first[s][(h * N + n) * P + p] * (first_scale == 0 ? 1 : first_scale);
        size[n] = fabs(S[n]);
    }
    for (size_t t = b->start[s]; t < b->start[s + 1]; t++) {
        const float *B = dm_head_scan_B(op, t, h), *C = dm_head_scan_C(op, t, h);
        double delta = op->delta[t * op->n_head + h], a = exp(delta * op->A[h]);
        double x = op->xBC[t * dm_head_scan_width(op) + c];
        double y = (double)op->D[op->D_by_channel ? c : h] * x, sum = fabs(y);
        for (size_t n = 0; n < N; n++) {
            S[n] = a * S[n] + delta * x * B[n];
            size[n] = a * size[n] + fabs(delta * x * (double)B[n]);
            y += C[n] * S[n];
            sum += fabs((double)C[n]) * size[n];
        }
        check_near(cpu, op->y[t * op->n_head * P + c], y, tolerance * sum);
    }
    for (size_t n = 0; n < N; n++)
        check_near(cpu, (float)(scale * (double)b->state[s][(h * N + n) * P + p]), S[n],
                   tolerance * size[n] + 1e-37);
}

/* Every variant on heads [head, head + n_head): those right, the others untouched. */
static void check(struct batch *b, size_t head, size_t n_head) {
    size_t P = b->op.head_dim, E = b->op.n_head * P, of_head = b->op.d_state * P;
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(b);
        variants[v].head_scan(&b->op, head, n_head);
        for (size_t h = 0; h < b->op.n_head; h++) {
            bool is_inside = h >= head && h < head + n_head;
            for (size_t s = 0; s < b->op.n_sequence && is_inside; s++)
                for (size_t p = 0; p < P; p++)
                    check_channel(b, variants[v].cpu, s, h, p);
            for (size_t i = 0; i < b->n_y && !is_inside; i++)
                if (i % E / P == h)
                    assert_true(is_untouched(&b->y[i]));
            for (size_t s = 0; s < b->op.n_sequence && !is_inside; s++)
                assert_true(b->scale[s][h] == b->first_scale[s][h] &&
                            !memcmp(b->state[s] + h * of_head, b->first[s] + h * of_head,
                                    of_head * sizeof(float)));
        }
    }
}

static void test_formula(void **state) {
    (void)state;
    static const size_t length[] = {3, 0, 1, 1, 70, 0}, nothing[] = {0, 0};
    static const struct sizes sizes[] = {
        {1, 1, 1, 1, false},  {2, 3, 2, 2, true},    {3, 8, 4, 1, false},  {4, 5, 5, 2, true},
        {2, 16, 7, 1, false}, {6, 7, 8, 3, false},   {2, 17, 9, 2, true},  {3, 32, 16, 3, false},
        {2, 40, 33, 1, true}, {2, 64, 128, 1, true}, {1, 9, 140, 1, false}};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        batch_new(&b, &random, length, 6, sizes[i]);
        size_t head = (size_t)dm_random_below(&random, sizes[i].n_head);
        check(&b, 0, sizes[i].n_head);
        check(&b, head, (size_t)dm_random_below(&random, sizes[i].n_head - head + 1));
        batch_free(&b);
        batch_new(&b, &random, nothing, i % 2 ? 2 : 0, sizes[i]);
        check(&b, 0, sizes[i].n_head);
        batch_free(&b);
    }
}

/* The heads one by one, the tokens in random pieces with the state carried: same bits. */
static void scan_in_pieces(struct batch *b, const struct dm_ops *ops, struct dm_random *random) {
    for (size_t h = 0; h < b->op.n_head; h++)
        for (size_t s = 0; s < b->op.n_sequence; s++)
            for (size_t piece[] = {b->start[s], 0}; piece[0] < b->start[s + 1];
                 piece[0] = piece[1]) {
                struct dm_head_scan op = b->op;
                piece[1] =
                    piece[0] + 1 + (size_t)dm_random_below(random, b->start[s + 1] - piece[0]);
                op.n_sequence = 1, op.start = piece, op.ssm_state = &b->state[s];
                op.scale = &b->scale[s];
                ops->head_scan(&op, h, 1);
            }
}

static void test_split(void **state) {
    (void)state;
    static const size_t length[] = {170, 1, 0, 33};
    static const struct sizes sizes[] = {
        {4, 24, 21, 2, false}, {2, 64, 128, 1, true}, {3, 5, 130, 3, false}};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 8);
    for (size_t round = 0; round < 3; round++) {
        batch_new(&b, &random, length, 4, sizes[round]);
        for (size_t v = 0; v < n_variant; v++) {
            batch_rewind(&b);
            variants[v].head_scan(&b.op, 0, b.op.n_head);
            float *y = copied_floats(b.y, b.n_y), *end[4], *end_scale[4];
            for (size_t s = 0; s < 4; s++) {
                end[s] = copied_floats(b.state[s], b.n_state);
                end_scale[s] = copied_floats(b.scale[s], b.op.n_head);
            }
            batch_rewind(&b);
            scan_in_pieces(&b, &variants[v], &random);
            assert_memory_equal(y, b.y, b.n_y * sizeof *y);
            for (size_t s = 0; s < 4; s++) {
                assert_memory_equal(end[s], b.state[s], b.n_state * sizeof(float));
                assert_memory_equal(end_scale[s], b.scale[s], b.op.n_head * sizeof(float));
                free_floats(end[s], b.n_state);
                free_floats(end_scale[s], b.op.n_head);
            }
            free_floats(y, b.n_y);
        }
        batch_free(&b);
    }
}

/* The states before every DM_HEAD_SCAN_CHUNK-th token are those that a scan up to there leaves. */
static void test_checkpoints(void **state) {
    (void)state;
    static const size_t length[] = {300, 5, 128};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 9);
    batch_new(&b, &random, length, 3, (struct sizes){2, 11, 6, 1, false});
    size_t n = dm_head_scan_n_checkpoint(b.n_token, 3) * b.n_state;
    float *kept = new_floats(n);
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(&b);
        struct dm_head_scan op = b.op;
        op.checkpoints = kept;
        variants[v].head_scan(&op, 0, 1);
        variants[v].head_scan(&op, 1, 1);
        for (size_t s = 0; s < 3; s++)
            for (size_t chunk = 0; chunk * DM_HEAD_SCAN_CHUNK < length[s]; chunk++) {
                const size_t bounds[] = {b.start[s], b.start[s] + chunk * DM_HEAD_SCAN_CHUNK};
                batch_rewind(&b);
                struct dm_head_scan part = b.op;
                part.n_sequence = 1, part.start = bounds, part.ssm_state = &b.state[s];
                part.scale = &b.scale[s];
                variants[v].head_scan(&part, 0, 2);
                const float *is_kept = dm_head_scan_checkpoint(&op, s, chunk);
                for (size_t i = 0; i < b.n_state; i++)
                    assert_true(is_kept[i] ==
                                dm_head_scan_scale(&part, 0, i / (6 * 11)) * b.state[s][i]);
            }
    }
    free_floats(kept, n);
    batch_free(&b);
}

/* Steps of 0, denormal and huge; decays that are infinite but for a step of 0; a NaN stays in its
 * head, and comes after its token. */
static void test_edges(void **state) {
    (void)state;
    static const size_t length[] = {45};
    static const float steps[] = {0, 0x1p-140f, 1e15f, 1e-3f};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 10);
    batch_new(&b, &random, length, 1, (struct sizes){4, 9, 6, 2, false});
    for (size_t i = 0; i < b.n_delta; i++)
        b.delta[i] = steps[dm_random_below(&random, 4)];
    b.A[1] = -0x1p127f;
    check(&b, 0, 4);
    b.delta[20 * 4 + 2] = NAN; /* token 20, head 2 */
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(&b);
        variants[v].head_scan(&b.op, 0, 4);
        for (size_t i = 0; i < b.n_y; i++)
            assert_int_equal(isnan(b.y[i]) != 0, i / 36 >= 20 && i % 36 / 9 == 2);
    }
    batch_free(&b);
}

/* ---- Backward ---- */

enum { DXBC, DDELTA, DA, DD, DPARTS, DSTATE, N_OUT };
static const char *const names[N_OUT] = {"dxBC", "ddelta", "dA", "dD", "dBC parts", "dstate"};

/* Each output of every variant against the reference, which test_gradients_head_scan holds against
 * differences: near by the largest of its kind. */
static void check_backward(struct dm_random *random, const size_t *length, size_t n_sequence,
                           struct sizes sizes) {
    struct batch b;
    batch_new(&b, random, length, n_sequence, sizes);
    struct dm_head_scan op = b.op;
    size_t n_kept = dm_head_scan_n_checkpoint(b.n_token, n_sequence) * b.n_state;
    size_t n_part = sizes.n_head * b.n_token * 2 * sizes.d_state;
    const size_t n[N_OUT] = {b.n_xBC, b.n_delta, sizes.n_head,
                             b.n_D,   n_part,    n_sequence * b.n_state};
    float *kept = new_floats(n_kept), *dy = random_floats(random, b.n_y, 0, 1);
    float *end = random_floats(random, n[DSTATE], 0, 1), *out[MAX_VARIANTS][N_OUT];
    op.checkpoints = kept;
    dm_head_scan_reference(&op, 0, sizes.n_head);
    for (size_t v = 0; v < n_variant; v++) {
        float *dstate[MOST_SEQUENCES];
        for (size_t k = 0; k < N_OUT; k++)
            out[v][k] = k == DSTATE ? copied_floats(end, n[k]) : new_floats(n[k]);
        memset(out[v][DA], 0, n[DA] * sizeof(float));
        memset(out[v][DD], 0, n[DD] * sizeof(float));
        for (size_t s = 0; s < n_sequence; s++)
            dstate[s] = out[v][DSTATE] + s * b.n_state;
        const struct dm_head_scan_grad grad = {.dy = dy,
                                               .dxBC = out[v][DXBC],
                                               .ddelta = out[v][DDELTA],
                                               .dA = out[v][DA],
                                               .dD = out[v][DD],
                                               .dBC_parts = out[v][DPARTS],
                                               .dssm_state = dstate};
        variants[v].head_scan_backward(&op, &grad, 0, 1);
        variants[v].head_scan_backward(&op, &grad, 1, sizes.n_head - 1);
        dm_head_scan_sum_parts(&op, &grad, 0, b.n_token);
        for (size_t k = 0; k < N_OUT; k++) {
            double largest = 0;
            for (size_t i = 0; i < n[k]; i++)
                largest = fmax(largest, fabs((double)out[0][k][i]));
            for (size_t i = 0; i < n[k]; i++)
                check_near(names[k], out[v][k][i], out[0][k][i], 2e-5 * largest);
        }
    }
    for (size_t v = 0; v < n_variant; v++)
        for (size_t k = 0; k < N_OUT; k++)
            free_floats(out[v][k], n[k]);
    free_floats(kept, n_kept);
    free_floats(dy, b.n_y);
    free_floats(end, n[DSTATE]);
    batch_free(&b);
}

static void test_backward(void **state) {
    (void)state;
    static const size_t length[] = {3, 0, 1, 128, 300, 0};
    static const struct sizes sizes[] = {
        {2, 1, 1, 1, false},   {2, 3, 2, 2, true},    {3, 8, 4, 1, false},
        {4, 5, 5, 2, true},    {6, 7, 8, 3, false},   {2, 17, 9, 2, true},
        {3, 32, 16, 3, false}, {2, 64, 128, 1, true}, {2, 77, 6, 1, false}};
    struct dm_random random;
    dm_random_seed(&random, 12);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_backward(&random, length, 6, sizes[i]);
}

/* A hundred thousand tokens leave the state where the recurrence in double has it: no drift. */
static void test_long(void **state) {
    (void)state;
    static const size_t length[] = {120000};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 13);
    batch_new(&b, &random, length, 1, (struct sizes){2, 3, 5, 1, false});
    b.A[0] = -1e-4f; /* a memory as long as the text */
    check(&b, 0, 2);
    batch_free(&b);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),     cmocka_unit_test(test_split),
        cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_edges),
        cmocka_unit_test(test_backward),    cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
