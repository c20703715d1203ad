/* judge.h: whether bytes from a report partition are a report of its observer. */
#ifndef SPILLWAY_DAEMON_JUDGE_H
#define SPILLWAY_DAEMON_JUDGE_H

#include "daemon/keyring.h"
#include "wire/report.h"

/* The IDC that reports in this partition, or FLEET_NONE. */
uint16_t judge_observer(const struct fleet *f, uint16_t partition);
/* Opens the report with the keys of that IDC (report_open(), and its errors), and compares observer
 * and fleet: ERR_FOREIGN. *ret_why is set on failure: a static sentence for the log. */
int judge_report(const struct fleet *f, const struct digest *fleet_digest,
                 const struct keyring *ring, uint16_t idc, const uint8_t *data, size_t size,
                 struct arena *arena, struct report *ret_report, const char **ret_why) MUST_CHECK;

#endif
