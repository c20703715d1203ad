/* notices.c: the replica's notices as log lines with stable event codes. */
#include "daemon/daemon.h"

static const char *notice_code(enum notice n)
{
    switch (n) {
    case NOTICE_HALTED: return "halted";
    case NOTICE_RESUMED: return "resumed";
    case NOTICE_CLAIMED: return "claimed";
    case NOTICE_LEADING: return "leading";
    case NOTICE_LOST_LEAD: return "lost-lead";
    case NOTICE_DECIDED: return "decided";
    case NOTICE_VOID_DECISION: return "void-decision";
    case NOTICE_UNDECIDED: return "undecided";
    case NOTICE_INCIDENT: return "incident";
    case NOTICE_FENCE_SPLIT: return "fence-split";
    case NOTICE_HELD: return "held";
    case NOTICE_REPORT_DROPPED: return "report-dropped";
    case NOTICE_BUS_LOST: return "bus-lost";
    case NOTICE_BUS_BACK: return "bus-back";
    case NOTICE_SNAPSHOT: return "snapshot";
    case NOTICE_SNAPSHOT_DIFFERS: return "snapshot-differs";
    }
    return "notice";
}

static enum log_level notice_level(enum notice n)
{
    switch (n) {
    case NOTICE_HALTED:
    case NOTICE_UNDECIDED:
    case NOTICE_SNAPSHOT_DIFFERS:
    case NOTICE_FENCE_SPLIT: return LOG_ERROR;
    case NOTICE_LOST_LEAD:
    case NOTICE_VOID_DECISION:
    case NOTICE_INCIDENT:
    case NOTICE_HELD:
    case NOTICE_BUS_LOST: return LOG_WARNING;
    case NOTICE_RESUMED:
    case NOTICE_CLAIMED:
    case NOTICE_LEADING:
    case NOTICE_DECIDED:
    case NOTICE_SNAPSHOT:
    case NOTICE_BUS_BACK: return LOG_INFO;
    case NOTICE_REPORT_DROPPED: return LOG_DEBUG; /* counted; a restarted probe repeats itself */
    }
    return LOG_INFO;
}

void notices_log(const struct daemon *d, const struct effect *e)
{
    int64_t ignored;
    const char *halted =
        e->notice.notice == NOTICE_HALTED ? replica_halted(d->replica, &ignored) : NULL;
    int status = e->notice.status;
    log_event(&d->log, notice_level(e->notice.notice), LOG_CODE(notice_code(e->notice.notice)),
              LOG_INT("offset", e->notice.offset), LOG_INT("status", status),
              LOG_INT("subject", e->notice.subject),
              LOG_INT("needs", halted != NULL ? replica_needs(d->replica) : 0),
              LOG_STR("why", halted != NULL ? halted
                             : status == OK ? ""
                                            : error_text(status)));
}

const char *phase_name(enum phase p)
{
    switch (p) {
    case PHASE_WAITING: return "waiting";
    case PHASE_RESUMING: return "resuming";
    case PHASE_CHECKING:
    case PHASE_REFUSED: return "refused";
    case PHASE_SEEKING:
    case PHASE_LOADING:
    case PHASE_PROVING: return "catching-up";
    case PHASE_FOLLOWING: return "following";
    case PHASE_FAILED: return "failed";
    }
    return "?";
}
