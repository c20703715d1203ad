/* test_probe_core.c: the probe's pure state machines, in exhaustive small worlds and seeded ones.
 */
#include "base/rng.h"
#include "core/checker.h"
#include "core/path.h"
#include "core/reflector.h"
#include "core/schedule.h"
#include "model/spike.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 1000, INTERVAL = 50 * MS, RTT = 300 };

static struct mono at(int64_t us)
{
    return (struct mono){us};
}

/* ---- a link, tick by tick ---- */

struct bench {
    struct path path;
    struct mono now;
    uint32_t reflected; /* the peer's count */
    uint32_t edges;
};

static const struct path_policy policy = {
    .interval_us = INTERVAL, .latency_us = 100, .losses = 3, .degraded_ppm = 20000};
static const struct damping_policy undamped = {0};

static void bench_init(struct bench *b)
{
    *b = (struct bench){.now = at(1000000)};
    path_init(&b->path, &policy, true, true, b->now);
}

static uint64_t stamp_of(uint32_t seq)
{
    return 0x1000000 + seq;
}

/* What becomes of a packet. */
enum outcome { ANSWERED, LOST_OUT, LOST_IN };

/* One tick: judge at its time (the loop runs when something is due), send, maybe an answer. */
static void tick(struct bench *b, enum outcome outcome)
{
    struct path *p = &b->path;
    struct mono due;
    struct mono next = mono_add(b->now, INTERVAL);
    uint32_t seq = p->next_seq;
    path_sent(p, b->now, stamp_of(seq));
    if (outcome != LOST_OUT) {
        uint32_t r = b->reflected++;
        if (outcome == ANSWERED) {
            b->now = mono_add(b->now, RTT);
            ck_assert_int_eq(path_reply(p, seq, r, stamp_of(seq), b->now, RTT, b->now),
                             PATH_ANSWERED);
            b->edges += path_judge(p, b->now);
        }
    }
    if (path_due(p, &due) && due.us < next.us) {
        b->now = due;
        b->edges += path_judge(p, b->now);
    }
    b->now = next;
    b->edges += path_judge(p, b->now);
}

static void ticks(struct bench *b, enum outcome outcome, int n)
{
    while (n-- > 0)
        tick(b, outcome);
}

START_TEST(test_up_and_down)
{
    struct bench b;
    bench_init(&b);
    ck_assert_int_eq(b.path.track.health, HEALTH_UNKNOWN);
    ticks(&b, ANSWERED, 3);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    ticks(&b, ANSWERED, 100);

    struct mono first = b.now; /* the next packet is the first lost one */
    ticks(&b, LOST_OUT, 2);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    path_sent(&b.path, b.now, stamp_of(b.path.next_seq));
    struct mono due;
    ck_assert(path_due(&b.path, &due));
    /* Three intervals' packets, the last of them waited for as long as an answer usually takes. */
    ck_assert_int_le(mono_diff_us(due, first), 2 * INTERVAL + 10 * MS);
    ck_assert(!path_judge(&b.path, mono_add(due, -1)));
    ck_assert(path_judge(&b.path, due));
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
    ck_assert_int_eq(b.path.track.since.us, first.us);

    b.now = mono_add(b.now, INTERVAL);
    ticks(&b, ANSWERED, 5);
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN); /* twice as many as made it down */
    ticks(&b, ANSWERED, 1);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    struct observation o;
    path_observe(&b.path, b.now, &o);
    ck_assert_uint_eq(o.loss_out_ppm, 0); /* the outage is over, and no loss of today */
    ck_assert_uint_eq(o.flaps, 2);
    ck_assert_uint_eq(o.rtt_us, RTT);
}
END_TEST

/* Every way of 10 packets to fare, after a good start: the oracle is a plain count of the tail. */
START_TEST(test_exhaustive)
{
    enum { LENGTH = 10 };
    int total = 1;
    for (int i = 0; i < LENGTH; i++)
        total *= 3;
    for (int code = 0; code < total; code++) {
        struct bench b;
        bench_init(&b);
        ticks(&b, ANSWERED, 10);
        bool down = false;
        int lost = 0, good = 0, out = 0, in = 0;
        int64_t lost_first = 0;
        for (int i = 0, rest = code; i < LENGTH; i++, rest /= 3) {
            enum outcome outcome = (enum outcome)(rest % 3);
            struct mono sent = b.now;
            tick(&b, outcome);
            if (outcome == ANSWERED) {
                good++;
                lost = 0;
                if (down && good >= 6)
                    down = false;
            } else {
                good = 0;
                if (lost++ == 0)
                    lost_first = sent.us;
                if (lost >= 3)
                    down = true;
                out += outcome == LOST_OUT;
                in += outcome == LOST_IN;
            }
            ck_assert_msg(down == (b.path.track.health == HEALTH_DOWN), "code %d at %d", code, i);
            if (lost == 3 && !b.path.heard)
                ck_assert_int_le(b.path.track.since.us, lost_first);
        }
        tick(&b, ANSWERED); /* now all gaps are attributed */
        struct observation o;
        path_observe(&b.path, b.now, &o);
        if (o.flaps == 0) { /* a down begins the window anew */
            uint32_t judged = b.path.judged_seq - b.path.window_seq;
            ck_assert_uint_eq(o.loss_out_ppm, (uint32_t)(out * 1000000LL / judged));
            ck_assert_uint_eq(o.loss_in_ppm, (uint32_t)(in * 1000000LL / judged));
        }
    }
}
END_TEST

START_TEST(test_own_lateness_is_not_the_links)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 20);
    /* Three packets go out, then we do not run for five seconds. The answers had arrived in time,
     * and are read (drained) before anything is concluded. */
    struct mono sent[3];
    uint32_t first = b.path.next_seq;
    for (int i = 0; i < 3; i++) {
        sent[i] = b.now;
        path_sent(&b.path, b.now, stamp_of(first + (uint32_t)i));
        b.now = mono_add(b.now, INTERVAL);
    }
    b.now = mono_add(b.now, 5 * US_PER_SEC);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(path_reply(&b.path, first + i, b.reflected++, stamp_of(first + i),
                                    mono_add(sent[i], RTT), RTT, b.now),
                         PATH_ANSWERED);
    ck_assert(!path_judge(&b.path, b.now));
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    ck_assert_int_lt(path_wait_us(&b.path), 10 * MS); /* nor did it learn a slow link */
    struct observation o;
    path_observe(&b.path, b.now, &o);
    ck_assert_uint_eq(o.rtt_us, RTT);
    ck_assert_uint_eq(o.loss_out_ppm + o.loss_in_ppm, 0);
}
END_TEST

START_TEST(test_late_answers_break_the_run)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 20);
    uint32_t seq = b.path.next_seq;
    ticks(&b, LOST_IN, 2); /* the reflector had them */
    /* The answer to the second comes after all: only later losses count from here. */
    ck_assert_int_eq(
        path_reply(&b.path, seq + 1, b.reflected - 1, stamp_of(seq + 1), b.now, RTT, b.now),
        PATH_ANSWERED);
    ticks(&b, LOST_OUT, 2);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    ticks(&b, LOST_OUT,
          2); /* one more than usual: after so late an answer more patience is right */
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
}
END_TEST

START_TEST(test_wrong_answers)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 5);
    uint32_t seq = b.path.next_seq;
    path_sent(&b.path, b.now, stamp_of(seq));
    ck_assert_int_eq(path_reply(&b.path, seq, 5, stamp_of(seq) + 1, b.now, RTT, b.now),
                     PATH_FORGED);
    ck_assert_int_eq(path_reply(&b.path, seq + 1, 5, stamp_of(seq + 1), b.now, RTT, b.now),
                     PATH_FOREIGN);
    ck_assert_int_eq(path_reply(&b.path, seq - PATH_WINDOW, 5, 0, b.now, RTT, b.now), PATH_FOREIGN);
    ck_assert_int_eq(path_reply(&b.path, seq, 5, stamp_of(seq), b.now, RTT, b.now), PATH_ANSWERED);
    ck_assert_int_eq(path_reply(&b.path, seq, 5, stamp_of(seq), b.now, RTT, b.now), PATH_REPLAYED);
}
END_TEST

START_TEST(test_refused_is_unknown)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 10);
    path_refused(&b.path, b.now);
    ticks(&b, LOST_OUT, 10);
    ck_assert_int_eq(b.path.track.health, HEALTH_UNKNOWN);
    path_refused(&b.path, b.now);
    struct mono refused = b.now;
    ticks(&b, LOST_OUT, 49); /* 2.45 s */
    ck_assert_int_eq(b.path.track.health, HEALTH_UNKNOWN);
    ticks(&b, LOST_OUT, 3); /* and now silence */
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
    ck_assert_int_eq(b.path.track.since.us, refused.us);
    path_refused(&b.path, b.now); /* out of down leads only a good run */
    ticks(&b, LOST_OUT, 3);
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
}
END_TEST

START_TEST(test_carrier)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 10);
    ck_assert(path_carrier(&b.path, false, b.now));
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
    ck_assert_int_eq(b.path.track.since.us, b.now.us);
    ck_assert(!path_carrier(&b.path, true, mono_add(b.now, 10))); /* must prove itself */
    ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
    ticks(&b, ANSWERED, 6);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);

    struct path uplink;
    path_init(&uplink, &policy, false, true, b.now);
    ck_assert(path_judge(&uplink, b.now));
    ck_assert_int_eq(uplink.track.health, HEALTH_UP);
    ck_assert(path_carrier(&uplink, false, b.now));
    ck_assert(path_carrier(&uplink, true, b.now));
    ck_assert_int_eq(uplink.track.health, HEALTH_UP);
}
END_TEST

START_TEST(test_one_way)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 10);
    for (int i = 0; i < 10; i++) { /* the peer's own packets go on arriving */
        path_heard(&b.path, b.now);
        tick(&b, LOST_OUT);
    }
    struct observation o;
    path_observe(&b.path, b.now, &o);
    ck_assert_int_eq(o.health, HEALTH_DOWN);
    ck_assert_uint_eq(o.loss_in_ppm, 0);
    ck_assert_uint_gt(o.loss_out_ppm, 400000);

    bench_init(&b);
    path_heard(&b.path, b.now);
    ticks(&b, ANSWERED, 10);
    ticks(&b, LOST_IN, 10); /* nothing arrives at all */
    path_observe(&b.path, b.now, &o);
    ck_assert_uint_eq(o.loss_out_ppm, 0);
    ck_assert_uint_gt(o.loss_in_ppm, 400000);
}
END_TEST

START_TEST(test_degraded_with_hysteresis)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 200);
    for (int i = 0; i < 3; i++) { /* 3 of 128: 2.3 % */
        ck_assert_int_eq(b.path.track.health, HEALTH_UP);
        tick(&b, LOST_OUT);
        ticks(&b, ANSWERED, 20);
    }
    ck_assert_int_eq(b.path.track.health, HEALTH_DEGRADED);
    ticks(&b, ANSWERED, 70); /* the first has left, 2 are left: above half of the bound */
    ck_assert_int_eq(b.path.track.health, HEALTH_DEGRADED);
    ticks(&b, ANSWERED, 60);
    ck_assert_int_eq(b.path.track.health, HEALTH_UP);
}
END_TEST

/* Every 20th packet lost, one way or the other: 5 % is degraded and says which way, to the packet.
 * Full windows of 128 hold 6 or 7 of them. */
START_TEST(test_five_percent_each_way)
{
    static const enum outcome ways[] = {LOST_OUT, LOST_IN};
    for (int way = 0; way < 2; way++) {
        struct bench b;
        bench_init(&b);
        ticks(&b, ANSWERED, 128);
        uint32_t window = 0; /* bit pattern's count: losses among the last 128 */
        for (int i = 0; i < 1280; i++) {
            path_heard(&b.path, b.now);
            tick(&b, i % 20 == 19 ? ways[way] : ANSWERED);
            window += i % 20 == 19;
            window -= i >= 128 && (i - 128) % 20 == 19;
            if (i % 20 == 19)
                continue; /* the newest is not judged yet, or only guessed at */
            struct observation o;
            path_observe(&b.path, b.now, &o);
            uint32_t ppm = window * 1000000 / 128;
            ck_assert_uint_eq(o.loss_out_ppm, way == 0 ? ppm : 0);
            ck_assert_uint_eq(o.loss_in_ppm, way == 0 ? 0 : ppm);
            ck_assert_int_eq(o.health, i >= 60 ? HEALTH_DEGRADED : HEALTH_UP);
        }
        ck_assert_uint_ge(window, 6);
        ck_assert_uint_eq(b.edges, 2); /* up, degraded: no other word in a minute */
    }
}
END_TEST

/* Both ways at once are told apart: 1 of 16 on the way out, 1 of 32 on the way back. */
START_TEST(test_loss_both_ways)
{
    struct bench b;
    bench_init(&b);
    ticks(&b, ANSWERED, 128);
    for (int i = 0; i < 128; i++)
        tick(&b, i % 16 == 3 ? LOST_OUT : i % 32 == 9 ? LOST_IN : ANSWERED);
    struct observation o;
    path_observe(&b.path, b.now, &o);
    ck_assert_int_eq(o.health, HEALTH_DEGRADED);
    ck_assert_uint_eq(o.loss_out_ppm, 8 * 1000000 / 128);
    ck_assert_uint_eq(o.loss_in_ppm, 4 * 1000000 / 128);
}
END_TEST

/* Flapping does not make it look down for longer, nor less dead; what it changes is
 * test_damping.c's.
 */
START_TEST(test_flapping_is_told_as_it_is)
{
    struct bench b;
    bench_init(&b);
    struct path_policy damped = policy;
    damped.damping = (struct damping_policy){10 * US_PER_SEC, 100 * US_PER_SEC, 2500, 1000};
    path_init(&b.path, &damped, true, true, b.now);
    ticks(&b, ANSWERED, 10);
    struct observation o;
    for (int flap = 0; flap < 10; flap++) {
        ticks(&b, LOST_OUT, 4);
        path_observe(&b.path, b.now, &o);
        ck_assert_int_eq(o.health, HEALTH_DOWN);
        ck_assert_int_eq(o.held_us, 4 * INTERVAL); /* a down is held as ever */
        ck_assert_int_eq(o.damped_us, 0);
        ticks(&b, ANSWERED, 6);
        path_observe(&b.path, b.now, &o);
        ck_assert_int_eq(o.health, HEALTH_UP);
        ck_assert_int_eq(o.damped_us > 0, flap >= 2); /* the third within the half-life */
        ck_assert_int_eq(o.held_us == 0, flap >= 2);
    }
    ck_assert_uint_ge(track_flaps(&b.path.track, b.now), 20);
    ck_assert_uint_eq(track_flaps(&b.path.track, mono_add(b.now, 3600 * US_PER_SEC)), 0);
    /* It counts from the moment on which damping lets go. */
    int64_t left = o.damped_us;
    path_observe(&b.path, mono_add(b.now, left), &o);
    ck_assert_int_eq(o.held_us, 0);
    path_observe(&b.path, mono_add(b.now, left + 7), &o);
    ck_assert_int_eq(o.held_us, 7);
    ck_assert_int_eq(o.damped_us, 0);
}
END_TEST

/* A peer's reflector that stands still answers late, and all: that is no flap of the link. One that
 * was lost among them is. */
START_TEST(test_standing_peer_is_not_damped)
{
    for (int lost = 0; lost < 2; lost++) {
        struct bench b;
        bench_init(&b);
        struct path_policy damped = policy;
        damped.damping = (struct damping_policy){10 * US_PER_SEC, 100 * US_PER_SEC, 2500, 1000};
        path_init(&b.path, &damped, true, true, b.now);
        ticks(&b, ANSWERED, 10);
        struct observation o;
        for (int stop = 0; stop < 10; stop++) {
            uint32_t first = b.path.next_seq;
            ticks(&b, LOST_OUT, 8); /* not answered yet */
            ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
            for (uint32_t seq = first; seq != b.path.next_seq; seq++)
                if (seq != first + 4 || lost == 0)
                    ck_assert_int_eq(
                        path_reply(&b.path, seq, b.reflected++, stamp_of(seq), b.now, RTT, b.now),
                        PATH_ANSWERED);
            ticks(&b, ANSWERED, 6);
            path_observe(&b.path, b.now, &o);
            ck_assert_int_eq(o.health, HEALTH_UP);
        }
        ck_assert_int_eq(o.damped_us > 0, lost);
        ck_assert_int_eq(o.held_us > 0, 1 - lost);
    }
}
END_TEST

/* What the interface's carrier says is never taken back. */
START_TEST(test_carrier_loss_is_a_flap)
{
    struct bench b;
    bench_init(&b);
    struct path_policy damped = policy;
    damped.damping = (struct damping_policy){10 * US_PER_SEC, 100 * US_PER_SEC, 2500, 1000};
    path_init(&b.path, &damped, true, true, b.now);
    ticks(&b, ANSWERED, 10);
    for (int cut = 0; cut < 3; cut++) {
        uint32_t seq = b.path.next_seq;
        path_sent(&b.path, b.now, stamp_of(seq));
        b.now = mono_add(b.now, 2 * INTERVAL);
        (void)path_judge(&b.path, b.now); /* lost so far */
        ck_assert_uint_eq(b.path.lost_run, 1);
        ck_assert(path_carrier(&b.path, false, b.now));
        ck_assert(!path_carrier(&b.path, true, b.now));
        ck_assert_int_eq(path_reply(&b.path, seq, b.reflected++, stamp_of(seq), b.now, RTT, b.now),
                         PATH_ANSWERED);
        ticks(&b, ANSWERED, 30);
        ck_assert_int_eq(b.path.track.health, HEALTH_UP);
    }
    struct observation o;
    path_observe(&b.path, b.now, &o);
    ck_assert_int_gt(o.damped_us, 0);
}
END_TEST

/* A long random life: counters stay within the window, down only on three in a row. */
START_TEST(test_seeded)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng rng = rng_init(seed);
        struct bench b;
        bench_init(&b);
        b.path.next_seq = b.path.judged_seq = b.path.window_seq = UINT32_MAX - 500; /* wraps */
        uint32_t loss_ppm = (uint32_t)rng_below(&rng, 500000);
        int lost = 0;
        for (int i = 0; i < 2000; i++) {
            enum outcome o = rng_chance(&rng, loss_ppm) ? LOST_OUT : ANSWERED;
            if (rng_chance(&rng, 1000))
                b.reflected = 0; /* the peer's reflector begins anew */
            enum health before = b.path.track.health;
            tick(&b, o);
            lost = o == ANSWERED ? 0 : lost + 1;
            if (b.path.track.health == HEALTH_DOWN && before != HEALTH_DOWN)
                ck_assert_int_ge(lost, 3);
            if (lost >= 4) /* the third may still be waited for when the tick ends */
                ck_assert_int_eq(b.path.track.health, HEALTH_DOWN);
            struct observation seen;
            path_observe(&b.path, b.now, &seen);
            ck_assert_uint_le(seen.loss_out_ppm + seen.loss_in_ppm, 1000000);
            ck_assert_int_ge(seen.held_us, 0);
        }
    }
}
END_TEST

/* ---- checks ---- */

START_TEST(test_checker_exhaustive)
{
    /* One address, two failures: every row of 12 results. */
    for (unsigned code = 0; code < 1U << 12; code++) {
        struct checker c;
        checker_init(&c, 1, 2, &undamped, at(0));
        bool down = false;
        int failed = 0, good = 0;
        for (int i = 0; i < 12; i++) {
            bool ok = (code >> i & 1) != 0;
            struct mono began = at(1000000 + i * 100 * MS);
            checker_result(&c, checker_take(&c), ok, began, mono_add(began, 20 * MS));
            failed = ok ? 0 : failed + 1;
            good = ok ? good + 1 : 0;
            if (failed >= 2)
                down = true;
            else if (down && good >= 2)
                down = false;
            ck_assert_msg(down == (c.track.health == HEALTH_DOWN), "code %u at %d", code, i);
            if (failed == 2 && down && c.track.since.us != began.us - 100 * MS)
                ck_assert_int_le(c.track.since.us,
                                 began.us - 100 * MS); /* since the first failed */
        }
    }
}
END_TEST

/* Every set of dead addresses in a pool of 5: down only when all are dead, degraded when some are.
 */
START_TEST(test_pool)
{
    for (unsigned dead = 0; dead < 32; dead++) {
        struct checker c;
        checker_init(&c, 5, 2, &undamped, at(0));
        for (int i = 0; i < 40; i++) {
            uint16_t a = checker_take(&c);
            struct mono began = at(1000000 + i * 100 * MS);
            checker_result(&c, a, (dead >> a & 1) == 0, began, mono_add(began, MS));
        }
        enum health want = dead == 31 ? HEALTH_DOWN : dead != 0 ? HEALTH_DEGRADED : HEALTH_UP;
        ck_assert_int_eq(c.track.health, want);
        for (int i = 40; i < 120; i++) { /* one comes back: the target lives */
            uint16_t a = checker_take(&c);
            struct mono began = at(1000000 + i * 100 * MS);
            checker_result(&c, a, ((dead & ~1U) >> a & 1) == 0, began, mono_add(began, MS));
        }
        ck_assert_int_eq(c.track.health, (dead & ~1U) != 0 ? HEALTH_DEGRADED : HEALTH_UP);
    }
}
END_TEST

START_TEST(test_checks_end_in_any_order)
{
    struct checker c;
    checker_init(&c, 1, 2, &undamped, at(0));
    checker_result(&c, 0, true, at(1000000), at(1010000));
    /* Two hung since before the success that began later: old news. */
    checker_result(&c, 0, true, at(1400000), at(1410000));
    checker_result(&c, 0, false, at(1200000), at(1700000));
    checker_result(&c, 0, false, at(1300000), at(1800000));
    ck_assert_int_eq(c.track.health, HEALTH_UP);
    checker_result(&c, 0, false, at(1500000), at(2000000));
    ck_assert_int_eq(c.track.health, HEALTH_UP);
    checker_result(&c, 0, false, at(1600000), at(2100000));
    ck_assert_int_eq(c.track.health, HEALTH_DOWN);
    ck_assert_int_eq(c.track.since.us, 1500000);
}
END_TEST

START_TEST(test_rotation_is_constant_work)
{
    for (uint16_t n = 1; n <= FLEET_MAX_ADDRESSES; n++) {
        struct checker c;
        checker_init(&c, n, 2, &undamped, at(0));
        uint32_t seen = 0;
        for (int i = 0; i < CHECKER_ROUND; i++)
            for (uint16_t k = 0; k < checker_per_interval(&c); k++)
                seen |= 1U << checker_take(&c);
        ck_assert_uint_eq(seen, n == 32 ? UINT32_MAX : (1U << n) - 1);
        ck_assert_uint_le(checker_per_interval(&c), 4);
    }
}
END_TEST

/* ---- the reflector ---- */

START_TEST(test_reflector_replays)
{
    struct reflector r = {0};
    uint32_t seq = 99;
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(reflector_accept(&r, 700, i, 1000 + i, at(i), &seq), REFLECT_OK);
        ck_assert_uint_eq(seq, i);
    }
    for (uint32_t i = 0; i < 100; i++) /* each again, as it was */
        ck_assert_int_eq(reflector_accept(&r, 700, i, 1000 + i, at(200), &seq), REFLECT_REPLAYED);
    /* A sender that began anew has newer timestamps. */
    ck_assert_int_eq(reflector_accept(&r, 700, 0, 5000, at(300), &seq), REFLECT_OK);
    ck_assert_uint_eq(seq, 0);
    ck_assert_int_eq(reflector_accept(&r, 700, 0, 5000, at(301), &seq), REFLECT_REPLAYED);
    /* Reordered ones are new once. */
    ck_assert_int_eq(reflector_accept(&r, 700, 10, 5010, at(302), &seq), REFLECT_OK);
    ck_assert_int_eq(reflector_accept(&r, 700, 9, 5009, at(303), &seq), REFLECT_OK);
    ck_assert_int_eq(reflector_accept(&r, 700, 9, 5009, at(304), &seq), REFLECT_REPLAYED);
}
END_TEST

START_TEST(test_reflector_flood)
{
    struct reflector r = {0};
    uint32_t seq = 0;
    ck_assert_int_eq(reflector_accept(&r, 700, 0, 1, at(0), &seq), REFLECT_OK);
    for (uint16_t port = 1000; port < 2000; port++)
        (void)reflector_accept(&r, port, 0, 1, at(1000), &seq);
    ck_assert_int_eq(reflector_accept(&r, 3000, 0, 1, at(2000), &seq), REFLECT_REFUSED);
    ck_assert_int_eq(reflector_accept(&r, 700, 1, 2, at(50000), &seq), REFLECT_OK);
    ck_assert_uint_eq(seq, 1); /* the real session went on */
    ck_assert_int_eq(reflector_accept(&r, 3000, 0, 1, at(1500000), &seq), REFLECT_OK);
    ck_assert_int_eq(reflector_accept(&r, 0, 0, 1, at(1500000), &seq), REFLECT_REFUSED);
}
END_TEST

/* ---- schedules ---- */

START_TEST(test_ticker_never_drifts)
{
    struct ticker t = ticker_start(at(1000), 50);
    struct rng rng = rng_init(7);
    int64_t now = 900;
    uint64_t last = 0, n = 0;
    for (int i = 0; i < 10000; i++) {
        now += (int64_t)rng_below(&rng, 120);
        if (!ticker_take(&t, at(now), &n))
            continue;
        ck_assert_int_eq((t.due.us - 1000) % 50, 0);
        ck_assert_int_gt(t.due.us, now);
        ck_assert_int_le(t.due.us - now, 50);
        ck_assert_int_eq((int64_t)n, (now - 1000) / 50); /* missed ones are skipped */
        ck_assert(n > last || last == 0);
        last = n;
    }
}
END_TEST

/* Law 7: a probe that was stopped through an outage does not vouch for the time it slept. */
START_TEST(test_stand_still_vouches_for_nothing)
{
    struct bench b;
    struct observation seen;
    bench_init(&b);
    for (int i = 0; i < 200; i++)
        tick(&b, ANSWERED);
    path_observe(&b.path, b.now, &seen);
    ck_assert_int_eq(seen.health, HEALTH_UP);
    ck_assert_int_ge(seen.held_us, 9 * US_PER_SEC);
    b.now = mono_add(b.now, 60 * US_PER_SEC); /* SIGSTOP, and an outage that nobody here saw */
    path_unseen(&b.path, b.now);
    path_observe(&b.path, b.now, &seen);
    ck_assert_int_eq(seen.health, HEALTH_UP);
    ck_assert_int_eq(seen.held_us, 0);
    for (int i = 0; i < 10; i++)
        tick(&b, LOST_OUT); /* nor is a down older than the watch */
    path_observe(&b.path, b.now, &seen);
    ck_assert_int_eq(seen.health, HEALTH_DOWN);
    ck_assert_int_le(seen.held_us, 11 * INTERVAL);

    struct checker c;
    checker_init(&c, 1, 2, &undamped, at(0));
    (void)checker_result(&c, 0, true, at(0), at(MS));
    (void)checker_result(&c, 0, true, at(100 * MS), at(101 * MS));
    checker_unseen(&c, at(60 * US_PER_SEC));
    checker_observe(&c, at(61 * US_PER_SEC), &seen);
    ck_assert_int_eq(seen.health, HEALTH_UP);
    ck_assert_int_eq(seen.held_us, US_PER_SEC);
}
END_TEST

START_TEST(test_lateness)
{
    struct lateness l = {0};
    lateness_note(&l, at(10 * US_PER_SEC), at(10 * US_PER_SEC + 300));
    ck_assert_int_eq(l.stalled_us, 0); /* what every scheduler does */
    lateness_note(&l, at(10 * US_PER_SEC + MS), at(10 * US_PER_SEC + 401 * MS));
    ck_assert_int_eq(l.stalled_us, 400 * MS);
    ck_assert_int_eq(lateness_worst_us(&l, at(10 * US_PER_SEC + 500 * MS)), 400 * MS);
    ck_assert_int_eq(lateness_worst_us(&l, at(11 * US_PER_SEC)), 400 * MS);
    ck_assert_int_eq(lateness_worst_us(&l, at(12 * US_PER_SEC)), 0);
    /* The same stall seen by two timers counts once. */
    lateness_note(&l, at(10 * US_PER_SEC + 100 * MS), at(10 * US_PER_SEC + 402 * MS));
    ck_assert_int_eq(l.stalled_us, 401 * MS);
}
END_TEST

START_TEST(test_reports_are_bounded)
{
    struct report_schedule s = report_schedule_start(at(0), US_PER_SEC);
    struct rng rng = rng_init(3);
    int64_t sent[4000], edge = -1;
    int count = 0;
    for (int64_t now = 0; now < 100 * US_PER_SEC; now += MS) {
        if (rng_chance(&rng, now < 50 * US_PER_SEC ? 100000 : 300)) {
            report_edge(&s, at(now));
            edge = edge < 0 ? now : edge;
        }
        if (now < s.due.us)
            continue;
        if (edge >= 0)
            ck_assert_int_le(now - edge, 100 * MS); /* an edge waits at most the gap */
        edge = -1;
        report_sent(&s, at(now));
        ck_assert_int_lt(count, 4000);
        sent[count++] = now;
    }
    for (int i = 1; i < count; i++) {
        ck_assert_int_ge(sent[i] - sent[i - 1], 100 * MS);
        ck_assert_int_le(sent[i] - sent[i - 1], US_PER_SEC);
    }
}
END_TEST

START_TEST(a_spike_multiplies_one_view_and_invents_nothing)
{
    struct load_sample sample = {.valid = true, .requests_mrps = 300000, .errors_mrps = 5};
    struct load_rate views[3] = {{true, 100000}, {true, 200000}, {false, 0}};
    spike_apply(&(struct spike){0, 3000000}, &sample, views, 3);
    ck_assert_uint_eq(views[0].mrps, 300000);
    ck_assert_uint_eq(views[1].mrps, 200000);
    ck_assert_uint_eq(sample.requests_mrps, 500000);
    ck_assert_uint_eq(sample.errors_mrps, 5);
    spike_apply(&(struct spike){2, 3000000}, &sample, views, 3); /* nothing is known of it */
    spike_apply(&(struct spike){FLEET_NONE, 3000000}, &sample, views, 3);
    ck_assert(!views[2].valid && views[2].mrps == 0);
    ck_assert_uint_eq(sample.requests_mrps, 500000);
    views[1].mrps = LOAD_MAX_MRPS - 1;
    spike_apply(&(struct spike){1, UINT32_MAX}, &sample, views, 3);
    ck_assert_uint_eq(views[1].mrps, LOAD_MAX_MRPS);
    ck_assert_uint_eq(sample.requests_mrps, LOAD_MAX_MRPS);
    sample = (struct load_sample){0};
    spike_apply(&(struct spike){0, 3000000}, &sample, views, 3); /* a service that is silent */
    ck_assert_uint_eq(sample.requests_mrps, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe-core");
    TCase *c = tcase_create("core");
    tcase_set_timeout(c, 100);
    tcase_add_test(c, test_up_and_down);
    tcase_add_test(c, test_exhaustive);
    tcase_add_test(c, test_own_lateness_is_not_the_links);
    tcase_add_test(c, test_stand_still_vouches_for_nothing);
    tcase_add_test(c, test_late_answers_break_the_run);
    tcase_add_test(c, test_wrong_answers);
    tcase_add_test(c, test_refused_is_unknown);
    tcase_add_test(c, test_carrier);
    tcase_add_test(c, test_one_way);
    tcase_add_test(c, test_degraded_with_hysteresis);
    tcase_add_test(c, test_five_percent_each_way);
    tcase_add_test(c, test_loss_both_ways);
    tcase_add_test(c, test_flapping_is_told_as_it_is);
    tcase_add_test(c, test_standing_peer_is_not_damped);
    tcase_add_test(c, test_carrier_loss_is_a_flap);
    tcase_add_test(c, test_seeded);
    tcase_add_test(c, test_checker_exhaustive);
    tcase_add_test(c, test_pool);
    tcase_add_test(c, test_checks_end_in_any_order);
    tcase_add_test(c, test_rotation_is_constant_work);
    tcase_add_test(c, test_reflector_replays);
    tcase_add_test(c, test_reflector_flood);
    tcase_add_test(c, test_ticker_never_drifts);
    tcase_add_test(c, test_lateness);
    tcase_add_test(c, test_reports_are_bounded);
    tcase_add_test(c, a_spike_multiplies_one_view_and_invents_nothing);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
