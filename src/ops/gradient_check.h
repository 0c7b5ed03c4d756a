/* For the gradient tests, which are built on double: derivatives against central differences. */
#ifndef DM_OPS_GRADIENT_CHECK_H
#define DM_OPS_GRADIENT_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "ops/ops.h"

/* `n` numbers, zero or normal. */
static inline dm_real *zero_reals(size_t n) {
    dm_real *p = dm_memory_zeroed(n, sizeof *p);
    assert_non_null(p);
    return p;
}
static inline dm_real *random_reals(struct dm_random *random, size_t n, double mean,
                                    double deviation) {
    dm_real *p = zero_reals(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (dm_real)(mean + deviation * dm_random_normal(random));
    return p;
}

/* d loss / d *value from four points, exact to the step's fourth power. */
static inline double central_difference(double (*loss)(void *context), void *context,
                                        dm_real *value) {
    dm_real at = *value, step = (dm_real)(1e-3 * fmax(1, fabs((double)at)));
    double sum = 0;
    for (int i = -2; i <= 2; i++) {
        static const double weight[] = {1, -8, 0, 8, -1};
        *value = at + (dm_real)i * step;
        if (i != 0)
            sum += weight[i + 2] * loss(context);
    }
    *value = at;
    return sum / (12 * (double)step);
}

/* gradient[i] = d loss / d values[i] for every `stride`-th i, within 1e-6 of itself or, where it is
 * small, of the largest of them. `loss` runs the operation on what `values` hold now. */
static inline void check_gradient_every(size_t stride, const char *name, dm_real *values,
                                        const dm_real *gradient, size_t n,
                                        double (*loss)(void *context), void *context) {
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)gradient[i]));
    for (size_t i = 0; i < n; i += stride) {
        double expected = central_difference(loss, context, &values[i]);
        double tolerance = 1e-6 * fmax(fabs(expected), 1e-2 * largest) + 1e-12;
        if (!(fabs((double)gradient[i] - expected) <= tolerance))
            fail_msg("%s[%zu]: %.12g, expected %.12g", name, i, (double)gradient[i], expected);
    }
}
static inline void check_gradient(const char *name, dm_real *values, const dm_real *gradient,
                                  size_t n, double (*loss)(void *context), void *context) {
    check_gradient_every(1, name, values, gradient, n, loss, context);
}

#endif
