#include "interval.h"

#include <math.h>

static const double z = 1.959963984540054; /* the normal distribution's bound */

static const struct interval unknown = {NAN, NAN};

struct interval interval_of_share(size_t n_right, size_t n) {
    if (!n)
        return unknown;
    double right = (double)n_right, all = (double)n;
    double centre = (right + z * z / 2) / (all + z * z);
    double half = z / (all + z * z) * sqrt(right * (all - right) / all + z * z / 4);
    return (struct interval){n_right ? centre - half : 0, n_right < n ? centre + half : 1};
}

void sample_add(struct sample *sample, double value) {
    double before = value - sample->mean;
    sample->n++;
    sample->sum += value;
    sample->mean += before / (double)sample->n;
    sample->squares += before * (value - sample->mean);
}

/* The regularized incomplete beta function I_x(a, 1/2) by its continued fraction (DLMF 8.17.22,
 * evaluated with Lentz's method), which converges fast for x < (a + 1) / (a + 2.5). */
static double beta_share(double x, double a) {
    const double b = 0.5, tiny = 1e-300;
    double above = 1, below = 0, value = 1;
    for (int pair = 0; pair < 10000; pair++) {
        double m = pair;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double even = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2));
        double before = value;
        for (int i = 0; i < 2; i++) {
            double term = i ? even : odd;
            below = 1 / (fabs(1 + term * below) < tiny ? tiny : 1 + term * below);
            above = fabs(1 + term / above) < tiny ? tiny : 1 + term / above;
            value *= above * below;
        }
        if (fabs(value - before) < 1e-16 * fabs(value))
            break;
    }
    double factor = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return factor / (a * value);
}

double t_bound(double degrees) {
    if (degrees > 1e4) { /* Cornish and Fisher's expansion around the normal distribution */
        double z3 = z * z * z, z5 = z3 * z * z;
        return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees);
    }
    double low = z, high = 13; /* of 1 degree: 12.7 */
    for (int i = 0; i < 60; i++) {
        double t = (low + high) / 2;
        if (beta_share(degrees / (degrees + t * t), degrees / 2) > 0.05) /* P(|T| > t) */
            low = t;
        else
            high = t;
    }
    return (low + high) / 2;
}

static struct interval around(double mean, double variance, double degrees) {
    double half = variance > 0 ? t_bound(degrees) * sqrt(variance) : variance;
    return (struct interval){mean - half, mean + half};
}

/* Of the mean of the values. */
static double variance_of_mean(const struct sample *sample) {
    double n = (double)sample->n;
    return sample->squares / (n - 1) / n;
}

struct interval interval_of_mean(const struct sample *sample) {
    if (sample->n < 2)
        return unknown;
    return around(sample->mean, variance_of_mean(sample), (double)(sample->n - 1));
}

double mean_of_means(const struct sample *groups, size_t n_group) {
    struct sample means = {0};
    for (size_t i = 0; i < n_group; i++)
        if (groups[i].n)
            sample_add(&means, groups[i].mean);
    return means.n ? means.mean : NAN;
}

struct interval interval_of_means(const struct sample *groups, size_t n_group) {
    double n_used = 0, variance = 0, spread = 0;
    for (size_t i = 0; i < n_group; i++) {
        if (groups[i].n == 1)
            return unknown;
        if (!groups[i].n)
            continue;
        double part = variance_of_mean(&groups[i]);
        n_used++;
        variance += part;
        spread += part * part / (double)(groups[i].n - 1);
    }
    if (n_used == 0)
        return unknown;
    return around(mean_of_means(groups, n_group), variance / (n_used * n_used),
                  variance * variance / spread);
}
