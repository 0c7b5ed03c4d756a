#include "receptive_field.h"

#include <math.h>

size_t receptive_field_end(const double *lengths, const double *distances, size_t n) {
    size_t end = n - 1;
    for (; end > 0; end--) {
        double doublings = log2(lengths[end] / lengths[end - 1]);
        double growth = log2(distances[end] / distances[end - 1]);
        if (!(growth < log2(receptive_field_growth) * doublings))
            break;
    }
    return end;
}
