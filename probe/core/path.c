/* path.c: what one end of a link knows of it: STAMP packets sent and answered, carrier, health. */
#include "core/path.h"

#include <assert.h>
#include <string.h>

enum {
    PATH_MARGIN_DIVISOR = 10, /* of the interval: what is added to the usual time of an answer */
    PATH_MARGIN_MIN_US = 2000,
    PPM = 1000000,
};

static struct mono later(struct mono a, struct mono b)
{
    return a.us > b.us ? a : b;
}

static struct path_packet *packet_of(struct path *p, uint32_t seq)
{
    return &p->packets[seq % PATH_WINDOW];
}

void path_init(struct path *p, const struct path_policy *policy, bool session, bool carrier,
               struct mono now)
{
    assert(policy->interval_us > 0);
    memset(p, 0, sizeof(*p));
    p->policy = *policy;
    if (p->policy.losses < 1)
        p->policy.losses = 1;
    if (p->policy.losses > PATH_WINDOW / 2)
        p->policy.losses = PATH_WINDOW / 2;
    p->session = session;
    p->carrier = carrier;
    p->carrier_at = now;
    track_init(&p->track, &p->policy.damping, now);
}

int64_t path_wait_us(const struct path *p)
{
    int64_t interval = p->policy.interval_us;
    int64_t most = interval * (PATH_WINDOW / 2);
    if (p->answer_time.samples == 0) {
        int64_t guess = 2 * p->policy.latency_us + interval;
        return guess < most ? guess : most;
    }
    int64_t mean = p->answer_time.mean_us_x8 / 8;
    int64_t usual = smooth_limit_us(&p->answer_time);
    if (usual > mean + 2 * interval)
        usual = mean + 2 * interval;
    int64_t margin = interval / PATH_MARGIN_DIVISOR;
    usual += margin > PATH_MARGIN_MIN_US ? margin : PATH_MARGIN_MIN_US;
    return usual < most ? usual : most;
}

static void packet_lost(struct path *p, struct path_packet *packet)
{
    packet->fate = PACKET_LOST;
    p->good_run = 0;
    if (p->lost_run++ == 0)
        p->lost_first = later(packet->sent, p->watched);
}

void path_sent(struct path *p, struct mono at, uint64_t stamp)
{
    if (p->next_seq - p->judged_seq == PATH_WINDOW) { /* older than any wait */
        struct path_packet *oldest = packet_of(p, p->judged_seq);
        if (oldest->fate == PACKET_PENDING)
            packet_lost(p, oldest);
        p->judged_seq++;
    }
    *packet_of(p, p->next_seq) =
        (struct path_packet){.sent = at, .stamp = stamp, .fate = PACKET_PENDING};
    p->next_seq++;
}

/* Between the newest answer so far and this newer one: which way did the missing ones get lost? The
 * reflector counted those that reached it. A reflector that started anew counts from 0 and tells
 * nothing about this gap. */
static void attribute_gap(struct path *p, uint32_t seq, uint32_t reflected_seq)
{
    uint32_t gap = seq - p->answered_seq - 1;
    int32_t reflected = (int32_t)(reflected_seq - p->reflected_seq);
    if (gap == 0 || gap >= PATH_WINDOW || reflected <= 0)
        return;
    uint32_t missing = 0;
    for (uint32_t s = p->answered_seq + 1; s != seq; s++)
        missing += packet_of(p, s)->fate != PACKET_ANSWERED;
    uint32_t came_back_lost = (uint32_t)reflected - 1;
    uint32_t out = missing > came_back_lost ? missing - came_back_lost : 0;
    for (uint32_t s = p->answered_seq + 1; s != seq; s++) {
        struct path_packet *packet = packet_of(p, s);
        if (packet->fate == PACKET_ANSWERED)
            continue;
        packet->way = out > 0 ? WAY_OUT : WAY_IN;
        out -= out > 0;
    }
}

/* Nothing of what made it down is lost after all. */
static bool all_came_back(const struct path *p)
{
    if (p->judged_seq - p->down_seq > PATH_WINDOW)
        return false;
    for (uint32_t s = p->down_seq; s != p->judged_seq; s++)
        if (p->packets[s % PATH_WINDOW].fate != PACKET_ANSWERED)
            return false;
    return true;
}

/* After a late answer: the lost run is what is lost behind it. */
static void recount_lost_run(struct path *p, struct mono now)
{
    uint32_t run = 0;
    while (run < PATH_WINDOW && packet_of(p, p->judged_seq - 1 - run)->fate == PACKET_LOST)
        run++;
    if (run > p->lost_run)
        run = p->lost_run;
    p->lost_run = run;
    if (run > 0) {
        p->lost_first = later(packet_of(p, p->judged_seq - run)->sent, p->watched);
    } else if (p->good_run == 0) {
        p->good_run = 1;
        p->good_first = now;
        p->good_seq = p->judged_seq - 1;
    }
}

enum path_answer path_reply(struct path *p, uint32_t seq, uint32_t reflected_seq, uint64_t stamp,
                            struct mono arrived, uint32_t rtt_us, struct mono now)
{
    uint32_t age = p->next_seq - seq;
    struct path_packet *packet = packet_of(p, seq);
    if (age == 0 || age > PATH_WINDOW || packet->fate == PACKET_NONE)
        return PATH_FOREIGN;
    if (packet->stamp != stamp)
        return PATH_FORGED;
    if (packet->fate == PACKET_ANSWERED)
        return PATH_REPLAYED;
    p->refused = false; /* its reflector runs again */
    bool late = packet->fate == PACKET_LOST;
    packet->fate = PACKET_ANSWERED;
    packet->way = WAY_UNKNOWN;
    if (!p->answered) {
        p->answered = true;
        p->answered_seq = seq;
        p->reflected_seq = reflected_seq;
    } else if ((int32_t)(seq - p->answered_seq) > 0) {
        attribute_gap(p, seq, reflected_seq);
        p->answered_seq = seq;
        p->reflected_seq = reflected_seq;
    }
    int64_t took = mono_diff_us(arrived, packet->sent);
    smooth_add(&p->answer_time, took > 0 ? took : 0);
    times_add(&p->rtt, rtt_us);
    if (late) {
        recount_lost_run(p, now);
        if (p->down_by_loss && all_came_back(p))
            track_forgive(&p->track);
    }
    return PATH_ANSWERED;
}

void path_heard(struct path *p, struct mono at)
{
    p->heard = true;
    p->heard_at = at;
}

void path_refused(struct path *p, struct mono at)
{
    p->refused = true;
    p->refused_at = at;
}

/* Loss of the judged part of the window. */
struct loss {
    uint32_t judged, out, in;
};

/* An unanswered packet whose way no answer has told yet: if the peer was heard since, or not yet
 * long enough ago to be missed, what it sends still arrives, so ours got lost. */
static enum packet_way guess_way(const struct path *p, const struct path_packet *packet,
                                 struct mono now)
{
    int64_t missed_us = p->policy.interval_us + p->policy.interval_us / 2;
    if (!p->heard)
        return WAY_IN;
    bool heard = p->heard_at.us >= packet->sent.us || mono_diff_us(now, p->heard_at) < missed_us;
    return heard ? WAY_OUT : WAY_IN;
}

static struct loss window_loss(const struct path *p, struct mono now)
{
    struct loss loss = {0};
    uint32_t span = p->judged_seq - p->window_seq;
    /* What is not judged yet takes room in the ring. */
    uint32_t room = PATH_WINDOW - (p->next_seq - p->judged_seq);
    if (span > room)
        span = room;
    for (uint32_t s = p->judged_seq - span; s != p->judged_seq; s++) {
        const struct path_packet *packet = &p->packets[s % PATH_WINDOW];
        loss.judged++;
        if (packet->fate != PACKET_LOST)
            continue;
        enum packet_way way = packet->way;
        if (way == WAY_UNKNOWN)
            way = guess_way(p, packet, now);
        loss.out += way == WAY_OUT;
        loss.in += way == WAY_IN;
    }
    return loss;
}

static uint32_t share_ppm(uint32_t part, uint32_t whole)
{
    return whole == 0 ? 0 : (uint32_t)((uint64_t)part * PPM / whole);
}

static enum health health_by_loss(const struct path *p, struct mono now)
{
    struct loss loss = window_loss(p, now);
    uint32_t worse = share_ppm(loss.out > loss.in ? loss.out : loss.in, loss.judged);
    uint32_t bound = p->policy.degraded_ppm;
    if (p->track.health == HEALTH_DEGRADED)
        bound /= 2;
    if (loss.judged < PATH_JUDGED_MIN || worse == 0 || worse < bound)
        return loss.judged < PATH_JUDGED_MIN ? p->track.health : HEALTH_UP;
    return HEALTH_DEGRADED;
}

static bool refused_lately(const struct path *p, struct mono now)
{
    return p->refused && mono_diff_us(now, p->refused_at) <= PATH_REFUSED_US;
}

static bool decide_lost(struct path *p, struct mono now)
{
    if (p->track.health == HEALTH_DOWN)
        return false;
    if (refused_lately(p, now))
        return track_set(&p->track, HEALTH_UNKNOWN, p->lost_first, now);
    p->down_by_loss = true;
    p->down_seq = p->judged_seq - p->lost_run;
    bool refused_since = p->refused && p->refused_at.us > p->lost_first.us;
    return track_set(&p->track, HEALTH_DOWN, refused_since ? p->refused_at : p->lost_first, now);
}

static bool decide(struct path *p, struct mono now)
{
    if (!p->carrier) {
        p->down_by_loss = false;
        return track_set(&p->track, HEALTH_DOWN, p->carrier_at, now);
    }
    if (!p->session)
        return track_set(&p->track, HEALTH_UP, p->carrier_at, now);
    if (p->lost_run >= p->policy.losses)
        return decide_lost(p, now);

    uint32_t need = p->policy.losses;
    switch (p->track.health) {
    case HEALTH_DOWN: need = 2 * p->policy.losses; break;
    case HEALTH_UNKNOWN: break;
    case HEALTH_UP:
    case HEALTH_DEGRADED: return track_set(&p->track, health_by_loss(p, now), now, now);
    }
    if (p->good_run < need)
        return false;
    p->window_seq = p->good_seq;
    return track_set(&p->track, HEALTH_UP, p->good_first, now);
}

bool path_carrier(struct path *p, bool up, struct mono now)
{
    if (up == p->carrier)
        return false;
    p->carrier = up;
    p->carrier_at = now;
    p->good_run = 0; /* it must prove itself from here */
    return decide(p, now);
}

void path_unseen(struct path *p, struct mono until)
{
    track_unseen(&p->track, until);
    p->watched = until;
    p->lost_first = later(p->lost_first, until);
    p->good_first = later(p->good_first, until);
}

bool path_judge(struct path *p, struct mono now)
{
    int64_t wait = path_wait_us(p);
    for (; p->judged_seq != p->next_seq; p->judged_seq++) {
        struct path_packet *packet = packet_of(p, p->judged_seq);
        if (packet->fate == PACKET_ANSWERED) {
            p->lost_run = 0;
            if (p->good_run++ == 0) {
                p->good_first = now;
                p->good_seq = p->judged_seq;
            }
        } else if (mono_diff_us(now, packet->sent) >= wait) {
            packet_lost(p, packet);
        } else {
            break;
        }
    }
    return decide(p, now);
}

bool path_due(const struct path *p, struct mono *ret_due)
{
    if (!p->session || p->track.health == HEALTH_DOWN)
        return false;
    uint32_t missing = 0;
    while (missing < PATH_WINDOW) {
        enum packet_fate fate = p->packets[(p->next_seq - 1 - missing) % PATH_WINDOW].fate;
        if (fate != PACKET_PENDING && fate != PACKET_LOST)
            break;
        missing++;
    }
    if (missing < p->policy.losses)
        return false;
    uint32_t seq = p->next_seq - missing + p->policy.losses - 1;
    const struct path_packet *last = &p->packets[seq % PATH_WINDOW];
    if (last->fate == PACKET_LOST)
        return false; /* judged already; the next tick looks again */
    *ret_due = mono_add(last->sent, path_wait_us(p));
    return true;
}

void path_observe(struct path *p, struct mono now, struct observation *ret)
{
    struct loss loss = window_loss(p, now);
    *ret = (struct observation){
        .health = p->track.health,
        .held_us = track_held_us(&p->track, now),
        .loss_out_ppm = share_ppm(loss.out, loss.judged),
        .loss_in_ppm = share_ppm(loss.in, loss.judged),
        .flaps = track_flaps(&p->track, now),
        .damped_us = track_damped_us(&p->track, now),
    };
    times_summary(&p->rtt, &ret->rtt_us, &ret->jitter_us);
}
