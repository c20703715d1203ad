/* judge.c: a report is what its observer's key has signed, about this fleet; fuzzed. */
#include "daemon/judge.h"

uint16_t judge_observer(const struct fleet *f, uint16_t partition)
{
    uint16_t i = 0;
    while (i < f->idc_count && f->idcs[i].partition != partition) {
        i++;
    }
    return i < f->idc_count ? i : FLEET_NONE;
}

static uint32_t keys_of(const struct keyring *ring, const struct idc *idc,
                        struct report_key keys[REPORT_MAX_KEYS])
{
    const char *ids[REPORT_MAX_KEYS] = {idc->probe_key, idc->probe_key_next};
    uint32_t count = 0;
    for (size_t i = 0; i < REPORT_MAX_KEYS; i++) {
        const struct key *key = ids[i][0] != '\0' ? keyring_find(ring, ids[i]) : NULL;
        if (key != NULL) {
            keys[count++] =
                (struct report_key){.id = key->id, .secret = key->bytes, .size = key->size};
        }
    }
    return count;
}

int judge_report(const struct fleet *f, const struct digest *fleet_digest,
                 const struct keyring *ring, uint16_t idc, const uint8_t *data, size_t size,
                 struct arena *arena, struct report *ret_report, const char **ret_why)
{
    struct report_key keys[REPORT_MAX_KEYS];
    struct report report;
    uint32_t key_count = keys_of(ring, &f->idcs[idc], keys);
    int status = report_open(data, size, keys, key_count, arena, &report);
    if (status != OK) {
        *ret_why = key_count == 0 ? "no key of this probe could be loaded" : error_text(status);
        return status;
    }
    if (report.observer != idc || digest_compare(&report.fleet, fleet_digest) != 0) {
        *ret_why = report.observer != idc ? "it names another observer" : "of another fleet";
        return ERR_FOREIGN;
    }
    *ret_report = report;
    return OK;
}
