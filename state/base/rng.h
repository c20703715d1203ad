/* rng.h: a small seeded generator (splitmix64, Steele, Lea, Flood, OOPSLA 2014). Not for secrets.
 */
#ifndef SPILLWAY_BASE_RNG_H
#define SPILLWAY_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline struct rng rng_init(uint64_t seed)
{
    return (struct rng){seed};
}
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
/* Uniform in [0, bound); bound 0 gives 0. The bias is below bound / 2^64. */
static inline uint64_t rng_below(struct rng *r, uint64_t bound)
{
    return bound == 0 ? 0 : rng_next(r) % bound;
}
/* True with probability ppm / 1,000,000. */
static inline int rng_chance(struct rng *r, uint32_t ppm)
{
    return rng_below(r, 1000000) < ppm;
}

#endif
