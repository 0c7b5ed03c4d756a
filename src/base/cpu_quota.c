#include "base/cpu_quota.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first `size` - 1 bytes of a file, as a string: "" where it cannot be read. On the stack, as are
 * paths: no memory can be short. */
static void read_text(const char *path, char *text, size_t size) {
    size_t n = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t more = descriptor < 0 ? 0 : read(descriptor, text, size - 1);
    while (more > 0) {
        n += (size_t)more;
        more = read(descriptor, text + n, size - 1 - n);
    }
    text[n] = '\0';
    if (descriptor >= 0)
        close(descriptor);
}

static void read_setting(const char *folder, const char *name, char text[64]) {
    char path[PATH_MAX];
    text[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
        read_text(path, text, 64);
}

/* Texts that begin with whole numbers; "max" and -1 are no limit. */
static size_t processors(const char *quota, const char *period) {
    long long used = strtoll(quota, NULL, 10), of = strtoll(period, NULL, 10);
    return used > 0 && of > 0 ? (size_t)(used / of + (used % of != 0)) : 0;
}

static size_t read_max(const char *folder) {
    char text[64];
    read_setting(folder, "cpu.max", text);
    return processors(text, text + strcspn(text, " "));
}

static size_t read_cfs(const char *folder) {
    char quota[64], period[64];
    read_setting(folder, "cpu.cfs_quota_us", quota);
    read_setting(folder, "cpu.cfs_period_us", period);
    return processors(quota, period);
}

static size_t least(size_t a, size_t b) { /* 0: no limit */
    return !a || (b && b < a) ? b : a;
}

/* Of a group and those above it, up to where the hierarchy is mounted. A container may see its own
 * group mounted there and be told a path that only the outside has: folders that are not there set
 * nothing. */
static size_t min_upwards(const char *root, const char *mount, const char *group,
                          size_t (*read_quota)(const char *folder)) {
    char folder[PATH_MAX];
    int top = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s", root, mount);
    int n = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s", root, mount, group);
    size_t result = 0;
    char *end = n < (int)sizeof folder ? folder + n : NULL;
    for (; end; end = strrchr(folder + top, '/')) {
        *end = '\0';
        result = least(result, read_quota(folder));
    }
    return result;
}

/* Is "cpu" one of the names between commas? */
static bool has_cpu(const char *controllers) {
    for (const char *name = controllers; *name; name += *name == ',') {
        size_t n = strcspn(name, ",");
        if (n == 3 && strncmp(name, "cpu", 3) == 0)
            return true;
        name += n;
    }
    return false;
}

/* A line of /proc/self/cgroup: a number, names of controllers (none: version 2), the group's path. One
 * that leads out of the namespace's root is not to be found below it. */
static size_t quota_of_line(const char *root, char *line) {
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || strncmp(group, ":/..", 4) == 0)
        return 0;
    *controllers++ = *group++ = '\0';
    if (!*controllers)
        return least(min_upwards(root, "", group, read_max),
                     min_upwards(root, "/unified", group, read_max));
    if (!has_cpu(controllers))
        return 0;
    return least(min_upwards(root, "/cpu", group, read_cfs),
                 min_upwards(root, "/cpu,cpuacct", group, read_cfs));
}

size_t dm_cpu_quota(const char *root) {
    char path[PATH_MAX], groups[8192];
    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path)
        return 0;
    read_text(path, groups, sizeof groups);
    size_t result = 0;
    for (char *line = groups, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        result = least(result, quota_of_line(root, line));
    }
    return result;
}
