/* confirm.h: what becomes of a plan that a leader found decided and not acted upon: confirmed on
 * fresh evidence, or taken back (PROTOCOL.md, "Late is not effective"). */
#ifndef SPILLWAY_CORE_CONFIRM_H
#define SPILLWAY_CORE_CONFIRM_H

#include "core/diagnose.h"

/* Bytes of arena for one CONFIRM or REVERT. */
size_t confirm_arena_size(const struct fleet *f);
/* For a control state with an unconfirmed plan: CONFIRM or REVERT in *ret_decide, its arrays in the
 * arena; purpose 0 while the evidence does not tell yet. */
int confirm(const struct control *c, const struct evidence *evidence, const struct diagnosis *d,
            struct logtime now, struct arena *a, struct decide *ret_decide) MUST_CHECK;

#endif
