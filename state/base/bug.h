/* bug.h: deliberate bugs, one for each rule that the simulator must be able to find broken.
 *
 * Everywhere else BUG() is constantly false and nothing of this is compiled. The simulator's second
 * binary (tests/sim, sim-bugs) defines SPILLWAY_BUGS, and one bug is chosen by its command line. */
#ifndef SPILLWAY_BASE_BUG_H
#define SPILLWAY_BASE_BUG_H

#include <stdbool.h>

#ifdef SPILLWAY_BUGS
/* name, and what is broken; what finds it stands in docs/ARCHITECTURE.md. */
#define BUG_LIST(X)                                                                                \
    X(STALE_EVIDENCE, "law 1: a report of an older life of a probe counts")                        \
    X(SILENCE_IS_DOWN, "law 1: what nobody speaks of is down")                                     \
    X(MIN_OBSERVERS, "law 2: one observer is enough, whatever its references say")                 \
    X(ACT_UNCOMMITTED, "law 3: a leader acts upon what it has only proposed")                      \
    X(ACT_FIRST, "law 3: effects are carried out before the commit (the simulator's daemon)")      \
    X(CLAIM_CHECK, "law 4: a claim counts whatever record it names")                               \
    X(BASE_CHECK, "law 4: a decision counts whatever came after its base")                         \
    X(FENCE_LAST, "law 4: no fence in a push's first chunk (the simulator's DNS server)")          \
    X(NEVER_LAST, "law 5: an answer may become empty")                                             \
    X(DRAIN_BUDGET, "law 5: one IDC more than the budget is drained (off by one)")                 \
    X(CORE_FEATURE, "law 5: a limit of tier 0 turns core off (off by one)")                        \
    X(RESCUE_WAITS, "law 6: a rescue waits for a feature without a bound")                         \
    X(RESCUE_FIRST, "law 6: a rescue does not wait for its receivers' demotion at all")            \
    X(SHIFT_UNVERIFIED, "law 6: a planned shift does not wait for its demotion")                   \
    X(HOLD_DOWN, "law 7: traffic comes back to what was seen good just now")                       \
    X(APPROVAL, "law 7: an IDC comes back without a person's word")                                \
    X(OSCILLATION, "law 7: features come back without asking whether they fit")                    \
    X(UNEXPLAINED, "law 8: a decision does not carry what was seen")                               \
    X(NO_BACKOFF, "law 9: what failed is tried again at once")                                     \
    X(LOCAL_CLOCK, "law 10: the local clock gets into the control state")                          \
    X(GLOBAL_STATE, "law 10: something survives a run")                                            \
    X(DRILL_GOES_ON, "law 11: a drill goes on beside a real incident")                             \
    X(SNAPSHOT_FORGETS, "law 10: a snapshot is not the whole control state")                       \
    X(STATEFUL, "law 12: a stateful service is moved by the machine")                              \
    X(RULES_EARLY, "upgrade: new rules are in force before every candidate runs them")             \
    X(GIVEN_FOR_EVER, "lease: a lead that was given away and not taken is never taken back")
#define BUG_ID(name, what) BUG_##name,
enum bug { BUG_NONE, BUG_LIST(BUG_ID) BUG_COUNT };
extern enum bug bug_chosen;
#define BUG(name) (bug_chosen == BUG_##name)
#else
#define BUG(name) false
#endif

#endif
