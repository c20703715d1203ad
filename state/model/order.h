/* order.h: a person's standing word: what holds until it is taken back or its time is over. */
#ifndef SPILLWAY_MODEL_ORDER_H
#define SPILLWAY_MODEL_ORDER_H

#include "base/text.h"
#include "model/record.h"

enum order_kind {
    ORDER_DRAIN = 1, /* traffic leaves the subject by a planned shift, and stays away */
    ORDER_DEMOTE,    /* features of the subject's service and region from `tier` on are off */
    ORDER_PIN,       /* no traffic of the subject leaves or comes by the machine */
    ORDER_FREEZE,    /* the machine changes no plan */
    ORDER_UNDO,      /* places of the plan keep the values that `decision` had replaced */
    ORDER_FLEET,     /* ended from the first: what a new fleet wants otherwise is on its way */
};

enum { ORDER_MAX = 64 }; /* at once; one more is refused: release one first */
#define ORDER_TTL_MAX_US (INT64_C(366) * 24 * 3600 * US_PER_SEC)

struct order {
    uint32_t id; /* counts up from 1 in one log */
    enum order_kind kind;
    bool ended;   /* taken back or over; what it had moved is not home yet (order_comes_home()) */
    uint8_t tier; /* DEMOTE: lowest tier that is off, from 1 */
    struct subject subject; /* FREEZE, UNDO, FLEET: kind 0, the fleet */
    struct logtime since;
    struct logtime expires; /* us 0: never */
    uint64_t offset;        /* of its record; 0 after a reseed */
    uint64_t decision;      /* UNDO: offset of the decision; 0 after a reseed */
    uint32_t drill;         /* DRAIN: the run that gave it; 0: a person */
    char identity[RECORD_TEXT_SIZE];
    char reason[RECORD_TEXT_SIZE];
};

/* A place of the plan that an UNDO keeps at the change's new side. */
struct fixed {
    uint32_t order;
    struct change change;
};

const char *order_kind_name(enum order_kind k); /* "drain", ... */
/* The kind of order that the command gives; 0: none. */
enum order_kind order_of_command(enum operator_command c);
/* An order of this kind may have the subject, and the fleet has it. */
bool order_subject_fits(const struct fleet *f, enum order_kind k, const struct subject *s);
/* When it ends, something has to come back: it stays, ended, until a decision says that it did. */
bool order_comes_home(enum order_kind k);
/* The fleet has what the subject names; true of no subject (kind 0). */
bool subject_exists(const struct fleet *f, const struct subject *s);
/* The entrance, as reached over the carrier, is part of the subject. */
bool subject_covers(const struct fleet *f, const struct subject *s, uint16_t entrance,
                    uint16_t carrier);
/* The order is a drain in force that moves the slots of the entrance as reached over the carrier: a
 * stateful service is moved only by an order that names it (law 12). */
bool order_moves(const struct fleet *f, const struct order *o, uint16_t entrance, uint16_t carrier);
/* A DEMOTE's highest tier that stays served. */
uint8_t order_tier_limit(const struct fleet *f, const struct order *o);
/* What a name means as the subject of such an order: "beijing" (IDC, entrance or region, whatever
 * fits and is the only one), "web@beijing", or with its kind before it: "entrance:web-beijing".
 * ERR_NOT_FOUND; ERR_INVALID: it means several things. */
int order_subject_find(const struct fleet *f, enum order_kind k, const char *name,
                       struct subject *ret_subject) MUST_CHECK;
int order_features_find(const struct fleet *f, const char *region, const char *service,
                        struct subject *ret_subject) MUST_CHECK;
/* The name again, as it is typed; nothing for no subject. */
void order_subject_put(const struct fleet *f, const struct subject *s, struct text *t);
void order_codec(struct codec *c, struct order *o);
void fixed_codec(struct codec *c, struct fixed *x);

#endif
