/* evidence.h: the live reports that this host's daemon concludes from, for reasoning beside it. */
#ifndef SPILLWAY_CLI_EVIDENCE_H
#define SPILLWAY_CLI_EVIDENCE_H

#include "cli/host.h"
#include "core/diagnose.h"

struct live_evidence {
    void *memory;
    struct evidence *at; /* [idc of the fleet] */
    struct logtime now;
};

/* Asks the daemon. ERR_UNAVAILABLE with a sentence in why (CLI_WHY_SIZE bytes) when it does not
 * answer or leads to nothing that can be read. */
int live_evidence_get(const struct cli *c, const struct fleet *f, struct live_evidence *ret_e,
                      char *why) MUST_CHECK;
void live_evidence_done(struct live_evidence *e);

#endif
