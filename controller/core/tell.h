/* tell.h: the STEP records of this replica: outcomes, downs of its link ends, and that it is alive.
 */
#ifndef SPILLWAY_CORE_TELL_H
#define SPILLWAY_CORE_TELL_H

#include "core/act.h"

struct tell {
    bool alive_due; /* the newest state was not read back */
    struct mono alive_sent, alive_read;
    bool warm, halted; /* as told last */
    uint32_t version;
};

/* One of our STEP records was read back: it need not be told again. */
void tell_folded(struct tell *t, struct act *a, struct out *o, const struct record *r,
                 enum fold_void why);
/* Tells what the log does not know yet; each thing again after a lease, until it was read back.
 * control: own digest at the applied offset. */
void tell_run(struct tell *t, struct act *a, struct out *o, const struct digest *control, bool warm,
              bool halted);

#endif
