/* How many processors a container or another control group lets the process use at once. */
#ifndef DM_BASE_CPU_QUOTA_H
#define DM_BASE_CPU_QUOTA_H

#include <stddef.h>

/* A CPU quota over its period, rounded up: the least that the process's control group, or one above
 * it, has set; 0 where none has, or none can be read. Knows version 2 (cpu.max) and version 1
 * (cpu.cfs_quota_us and cpu.cfs_period_us) below /sys/fs/cgroup, where systemd and containers mount
 * them; see the kernel's admin-guide/cgroup-v2 and scheduler/sched-bwc. `root` stands before every
 * path: "" for the system's own. */
size_t dm_cpu_quota(const char *root);

#endif
