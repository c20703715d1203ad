/* diagnose.h: from evidence to verdicts. Pure, without memory of its own: a function of log time,
 * each probe's newest report with its age, and the control state (PROTOCOL.md, "Evidence"). */
#ifndef SPILLWAY_CORE_DIAGNOSE_H
#define SPILLWAY_CORE_DIAGNOSE_H

#include "model/control.h"
#include "model/report.h"

/* The newest report of one observer. */
struct evidence {
    const struct report *report; /* NULL: none since start. Borrowed for the call. */
    int64_t age_us;              /* on the leader's clock (PROTOCOL.md: age) */
    int64_t offset;              /* in its partition */
    bool conclusive;             /* the partition's end was read, and a newer report after it */
};

struct witness;

/* All verdicts, in arrays given by diagnosis_new. A health of DOWN is always a conclusion that may
 * be acted on; what looks dead and is not concluded is DEGRADED or UNKNOWN with the rule that says
 * why. */
struct diagnosis {
    struct verdict *links;     /* [link] */
    struct verdict *idcs;      /* [idc] */
    struct verdict *services;  /* [service * idc_count + idc] */
    struct verdict *observers; /* [idc] */
    struct verdict *carriers;  /* [carrier] everywhere */
    struct verdict *fronts;    /* [carrier * idc_count + idc] the carrier at the IDC */
    struct verdict *paths;     /* [path_index()] the entrance as reached over the carrier */
    struct verdict *backbones; /* [idc] its spans to living IDCs as a whole */
    struct verdict *conduits;  /* [conduit] */
    bool *waits;               /* [link] working memory: for its siblings in a conduit */
    int64_t next_us;         /* in how long a verdict may change by time alone; INT64_MAX: never */
    struct witness *witness; /* working memory: the words of the observers (core/witness.h) */
};

int diagnosis_new(const struct fleet *f, struct arena *a, struct diagnosis *ret_d) MUST_CHECK;
size_t diagnosis_arena_size(const struct fleet *f);

/* evidence[idc] for each observer of the control state's fleet. now is the leader's log time. */
void diagnose(const struct control *c, const struct evidence *evidence, struct logtime now,
              struct diagnosis *d);

#endif
