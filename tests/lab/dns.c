/* dns.c: just enough of RFC 1035 to ask for A records and read the answer. */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_A = 1, CLASS_IN = 1, HEADER = 12, FLAG_QR = 0x80, FLAG_TC = 0x02, FLAG_RD = 0x01 };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

size_t dns_query(uint8_t *buffer, uint16_t id, const char *name, bool recurse)
{
    memset(buffer, 0, HEADER);
    buffer[0] = (uint8_t)(id >> 8);
    buffer[1] = (uint8_t)id;
    buffer[2] = recurse ? FLAG_RD : 0;
    buffer[5] = 1; /* one question */
    size_t used = HEADER;
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > 63 || used + label + 6 > DNS_MAX_QUERY) {
            return 0;
        }
        buffer[used++] = (uint8_t)label;
        memcpy(buffer + used, name, label);
        used += label;
        name += label + (name[label] == '.' ? 1 : 0);
    }
    const uint8_t tail[] = {0, 0, TYPE_A, 0, CLASS_IN};
    memcpy(buffer + used, tail, sizeof(tail));
    return used + sizeof(tail);
}

/* The position behind the name at pos, or 0 when it does not end inside the packet. */
static size_t skip_name(const uint8_t *bytes, size_t size, size_t pos)
{
    while (pos < size) {
        uint8_t length = bytes[pos];
        if (length == 0) {
            return pos + 1;
        }
        if ((length & 0xc0) == 0xc0) {
            return pos + 2 <= size ? pos + 2 : 0;
        }
        pos += 1u + length;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool dns_parse(const uint8_t *bytes, size_t size, struct dns_answer *ret_answer)
{
    if (size < HEADER || (bytes[2] & FLAG_QR) == 0 || (bytes[2] & FLAG_TC) != 0) {
        return false;
    }
    struct dns_answer answer = {.id = get16(bytes), .rcode = bytes[3] & 0x0f, .ttl = UINT32_MAX};
    size_t pos = HEADER;
    for (unsigned i = get16(bytes + 4); i > 0; i--) {
        pos = skip_name(bytes, size, pos);
        if (pos == 0 || pos + 4 > size) {
            return false;
        }
        pos += 4;
    }
    for (unsigned i = get16(bytes + 6); i > 0; i--) {
        pos = skip_name(bytes, size, pos);
        if (pos == 0 || pos + 10 > size || pos + 10 + get16(bytes + pos + 8) > size) {
            return false;
        }
        uint32_t ttl = get32(bytes + pos + 4);
        answer.ttl = ttl < answer.ttl ? ttl : answer.ttl;
        size_t length = get16(bytes + pos + 8);
        if (get16(bytes + pos) == TYPE_A && length == 4 && answer.count < DNS_MAX_ADDRESSES) {
            answer.addresses[answer.count++] = get32(bytes + pos + 10);
        }
        pos += 10 + length;
    }
    answer.ttl = answer.ttl == UINT32_MAX ? 0 : answer.ttl;
    qsort(answer.addresses, answer.count, sizeof(answer.addresses[0]), by_value);
    *ret_answer = answer;
    return true;
}
