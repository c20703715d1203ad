/* feature.h: one JSON file per IDC that tells services which features to serve, in flagd's flag
 * definition format (OpenFeature; https://flagd.dev/schema/v0/flags.json).
 *
 * Flag key: <service>.<feature>; variants on and off; defaultVariant by the tier limit of the IDC's
 * region. The fence is the string metadata.fence, a hold the string metadata.hold. The file is
 * replaced atomically (write, fsync, rename, fsync of the directory) under an flock of <path>.lock.
 */
#ifndef SPILLWAY_ACTUATE_FEATURE_H
#define SPILLWAY_ACTUATE_FEATURE_H

#include "actuate/result.h"

/* Brings the file to the plan's tier limits for the IDC. Synchronous and short: never waits for the
 * lock. The status is returned and also in *ret_result, which is always set: OK             the
 * file stands as planned (or stood already) ERR_STALE      a newer fence is in the file (found)
 *   ERR_FOREIGN    a split (found)
 *   ERR_HELD       a hold is in the file (found, hold)
 *   ERR_CORRUPT    the present file is not one of ours; it is left alone
 *   ERR_VERSION    ... of a newer version
 *   ERR_GUARD      the plan would turn a tier 0 feature off (law 5)
 *   ERR_BUSY       another writer has the lock
 *   ERR_DISK_FULL, ERR_PERMISSION, ERR_IO, ERR_MEMORY   the old file still stands */
int feature_apply(const char *path, const struct fleet *f, const struct plan *p, uint16_t idc,
                  struct actuate_result *ret_result) MUST_CHECK;

/* Carries out a person's word on the file, under its lock: the hold alone changes. *ret_found is
 * what stands afterwards, or what refused it. As actuate_admit_hold() (an absent file has no
 * fence), and the errors of feature_apply(). */
int feature_hold(const char *path, const struct hold_order *order,
                 struct fence_state *ret_found) MUST_CHECK;

/* One flag of a file. */
struct feature_flag {
    char service[FLEET_NAME_SIZE];
    char feature[FLEET_NAME_SIZE];
    uint8_t tier;
    bool on;
};

/* What a file says. */
struct feature_file {
    struct fence fence;
    struct fence_hold hold;             /* id 0: none */
    char flag_set[2 * FLEET_NAME_SIZE]; /* the IDC that it was written for; "" when made anew */
    uint32_t flag_count;
    struct feature_flag *flags; /* owned */
};

/* Reads a file strictly. ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION, ERR_TOO_LARGE, ERR_PERMISSION,
 * ERR_IO, ERR_MEMORY. */
int feature_read(const char *path, struct feature_file *ret_file) MUST_CHECK;
void feature_file_done(struct feature_file *f);

#endif
