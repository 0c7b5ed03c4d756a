/* The quota of made-up trees of control groups. */
#include "test_support.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpu_quota.h"

/* Writes a file below test_directory, and the folders above it. */
static void put(const char *name, const char *text) {
    char path[2 * TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", test_directory, name);
    for (char *slash = path + strlen(test_directory); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    test_write_text(path, text);
}

static void put_groups(const char *lines) {
    put("proc/self/cgroup", lines);
}

static size_t quota(void) {
    return dm_cpu_quota(test_directory);
}

static void none_where_there_is_nothing(void **state) {
    assert_int_equal(quota(), 0);
    put_groups("");
    assert_int_equal(quota(), 0);
    put_groups("0::/user.slice\n");
    assert_int_equal(quota(), 0);
    put_groups("no group\n:\n::\n1:cpu\n0::");
    assert_int_equal(quota(), 0);
    (void)state;
}

/* docker run --cpus 2: the container's namespace shows its group as the root. */
static void of_a_container(void **state) {
    put_groups("0::/\n");
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(quota(), 2);
    (void)state;
}

static void is_rounded_up(void **state) {
    static const struct {
        const char *max;
        size_t quota;
    } cases[] = {
        {"150000 100000\n", 2},
        {"200001 100000\n", 3},
        {"50000 100000\n", 1},
        {"1000 1000000\n", 1},
        {"6400000 100000\n", 64},
        {"9223372036854775807 1\n", (size_t)LLONG_MAX},
        {"99999999999999999999 1\n", (size_t)LLONG_MAX},
        {"max 100000\n", 0},
        {"0 100000\n", 0},
        {"-1 100000\n", 0},
        {"200000 0\n", 0},
        {"200000\n", 0},
        {"", 0},
        {"\n", 0},
        {"many 100000\n", 0},
    };
    put_groups("0::/\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("sys/fs/cgroup/cpu.max", cases[i].max);
        assert_int_equal(quota(), cases[i].quota);
    }
    (void)state;
}

static void the_least_of_those_above_counts(void **state) {
    put_groups("0::/system.slice/a:b.service/inner\n");
    put("sys/fs/cgroup/system.slice/a:b.service/inner/cpu.max", "max 100000\n");
    assert_int_equal(quota(), 0);
    put("sys/fs/cgroup/system.slice/cpu.max", "600000 100000\n");
    assert_int_equal(quota(), 6);
    put("sys/fs/cgroup/system.slice/a:b.service/cpu.max", "300000 100000\n");
    assert_int_equal(quota(), 3);
    put("sys/fs/cgroup/system.slice/a:b.service/inner/cpu.max", "800000 100000\n");
    assert_int_equal(quota(), 3);
    put("sys/fs/cgroup/system.slice/cpu.max", "200000 100000\n");
    assert_int_equal(quota(), 2);
    put("sys/fs/cgroup/system.slice/other/cpu.max", "100000 100000\n");
    assert_int_equal(quota(), 2);
    (void)state;
}

static void of_version_1(void **state) {
    put_groups(
        "12:cpuset:/\n4:cpuacct,cpu:/user.slice/x\n1:name=systemd:/user.slice\n0::/user.slice\n");
    put("sys/fs/cgroup/cpu,cpuacct/user.slice/x/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/user.slice/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(), 0);
    put("sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(quota(), 0);
    put("sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_period_us", "50000\n");
    assert_int_equal(quota(), 5);
    put("sys/fs/cgroup/cpu,cpuacct/user.slice/x/cpu.cfs_quota_us", "400000\n");
    assert_int_equal(quota(), 4);
    (void)state;
}

/* Docker with version 1: the path is the outside's, and what is mounted is the group itself. */
static void of_a_container_of_version_1(void **state) {
    put_groups("3:cpu:/docker/0123\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(), 2);
    (void)state;
}

/* A group of another hierarchy, and one outside what the namespace shows, say nothing. */
static void not_of_others(void **state) {
    put_groups("3:cpuset,cpuacct:/\n2:cpus:/\n0::/../other\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(quota(), 0);
    (void)state;
}

static void of_both_versions_at_once(void **state) {
    put_groups("3:cpu:/a\n0::/b\n");
    put("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "700000\n");
    put("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(), 7);
    put("sys/fs/cgroup/unified/b/cpu.max", "500000 100000\n");
    assert_int_equal(quota(), 5);
    (void)state;
}

/* Paths that are too long are no limit, and nothing worse. */
static void too_long(void **state) {
    char lines[20000];
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    snprintf(lines, sizeof lines, "0::/%019000d", 0);
    put_groups(lines);
    assert_int_equal(quota(), 0);
    snprintf(lines, sizeof lines, "0::/%0100d\n0::/%018000d", 0, 0);
    put_groups(lines);
    assert_int_equal(quota(), 1);
    assert_int_equal(dm_cpu_quota(lines), 0);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(none_where_there_is_nothing),
        TEST(of_a_container),
        TEST(is_rounded_up),
        TEST(the_least_of_those_above_counts),
        TEST(of_version_1),
        TEST(of_a_container_of_version_1),
        TEST(not_of_others),
        TEST(of_both_versions_at_once),
        TEST(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
