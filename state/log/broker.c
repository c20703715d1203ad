/* broker.c: spillway-broker: librdkafka's in-process cluster at a fixed address, for development.
 */
#include "config/confine.h"
#include "log/bus.h"
#include "log/relay.h"

#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, DEFAULT_PARTITIONS = 16 };

static const char usage[] =
    "Usage: spillway-broker [--listen ADDR:PORT] [--partitions N]\n"
    "       spillway-broker --relay ADDR:PORT=ADDR:PORT\n"
    "\n"
    "A Kafka-compatible broker in one small process, for development and tests. It keeps\n"
    "everything in memory: proof of nothing about durability. Production runs Apache Kafka.\n"
    "\n"
    "  --listen ADDR:PORT   IPv4 address to listen on and to tell to clients\n"
    "                       (default 127.0.0.1:9092; port 0: a free one, told when ready)\n"
    "  --port PORT          the same as --listen 127.0.0.1:PORT\n"
    "  --partitions N       partitions of spillway.reports, 1 to 1024: above the highest\n"
    "                       partition number in the fleet (default 16)\n"
    "  --relay FROM=TO      carry TCP connections to FROM over to TO, unchanged, and be no\n"
    "                       broker; e.g. from a network namespace that cannot reach it\n"
    "  --check              check the options and exit\n"
    "  --version, --help\n"
    "\n"
    "Prints `ready ...` on standard output once clients can connect. SIGTERM ends it.\n";

struct options {
    bool relay, check;
    bool any_port; /* port 0: the kernel picks one, the ready line tells it */
    struct endpoint listen, target;
    char listen_text[64];
    int partitions;
};

/* The in-process cluster listens on an ephemeral port of 127.0.0.1 and tells clients what
 * getsockname() says; it has no setting for it. Its library calls bind() through the dynamic
 * linker, so the definition below is the one that it finds, and the listener moves to the wanted
 * address (ADR 21). main() checks what the cluster tells then, so a library that
 * works otherwise is a clean refusal. */
static struct {
    bool armed; /* the next bind to 127.0.0.1:0 is the cluster's listener */
    struct endpoint wanted;
} interposed;

int bind(int fd, __CONST_SOCKADDR_ARG argument, socklen_t size)
{
    const void *address = argument.__sockaddr__;
    const struct sockaddr_in *in = address;
    if (interposed.armed && in->sin_family == AF_INET && in->sin_port == 0 &&
        in->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
        interposed.armed = false;
        int on = 1;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
            return -1;
        }
        address = &interposed.wanted.address;
        size = interposed.wanted.size;
    }
    return (int)syscall(SYS_bind, fd, address, size);
}

/* Clients send it bytes and it parses them with a library made for tests: with no privilege, unless
 * the port asks for one. Before there is a thread. */
static int give_up_privileges(const struct endpoint *listen)
{
    static const cap_value_t keep[] = {CAP_NET_BIND_SERVICE};
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&listen->address;
    uint16_t port = ntohs(in->sin_port); /* at the same place in IPv6 */
    return confine(keep, port != 0 && port < IPPORT_RESERVED ? 1 : 0);
}

/* A descriptor that becomes readable on SIGTERM or SIGINT; every thread made later inherits the
 * mask. */
static int stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int failed(const char *what, const char *why)
{
    fprintf(stderr, "spillway-broker: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* Tells the world that clients can connect: people and scripts by the line, systemd by its socket.
 */
static int tell_ready(void)
{
    sd_notify(0, "READY=1");
    if (fflush(stdout) != 0) {
        return failed("standard output", strerror(errno));
    }
    return EXIT_SUCCESS;
}

static int wait_for_stop(int stop_fd)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do {
        n = read(stop_fd, &info, sizeof(info));
    } while (n < 0 && errno == EINTR);
    sd_notify(0, "STOPPING=1");
    return n == (ssize_t)sizeof(info) ? EXIT_SUCCESS : failed("waiting", strerror(errno));
}

static int make_topics(rd_kafka_mock_cluster_t *cluster, const struct options *o)
{
    const struct {
        const char *name;
        int partitions;
    } topics[] = {{BUS_LOG_TOPIC, 1}, {BUS_REPORTS_TOPIC, o->partitions}};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        rd_kafka_resp_err_t err =
            rd_kafka_mock_topic_create(cluster, topics[i].name, topics[i].partitions, 1);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return failed(topics[i].name, rd_kafka_err2str(err));
        }
    }
    return EXIT_SUCCESS;
}

static int serve(rd_kafka_t *host, const struct options *o, int stop_fd)
{
    interposed.wanted = o->listen;
    interposed.armed = true;
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 1);
    if (cluster == NULL) {
        return failed(o->listen_text, errno != 0 ? strerror(errno) : "cannot listen there");
    }
    const char *told = rd_kafka_mock_cluster_bootstraps(cluster);
    int code = EXIT_FAILURE;
    if (strcmp(told, o->listen_text) != 0 && !o->any_port) {
        failed(o->listen_text, "this librdkafka's cluster does not listen where it is told to; "
                               "use --relay to its own address");
    } else if (make_topics(cluster, o) == EXIT_SUCCESS) {
        printf("ready bootstrap=%s log=%s reports=%s partitions=%d\n", told, BUS_LOG_TOPIC,
               BUS_REPORTS_TOPIC, o->partitions);
        code = tell_ready();
        if (code == EXIT_SUCCESS) {
            code = wait_for_stop(stop_fd);
        }
    }
    return code;
}

static int run_broker(const struct options *o, int stop_fd)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (host == NULL) {
        rd_kafka_conf_destroy(conf);
        return failed("librdkafka", why);
    }
    errno = 0;
    return serve(host, o, stop_fd);
}

static int run_relay(const struct options *o, int stop_fd)
{
    int fd = relay_listen(&o->listen);
    if (fd < 0) {
        return failed(o->listen_text, strerror(errno));
    }
    printf("ready relay=%s\n", o->listen_text);
    int code = tell_ready();
    if (code == EXIT_SUCCESS && relay_run(fd, &o->target, stop_fd) != OK) {
        code = failed("relay", strerror(errno));
    }
    close(fd);
    return code;
}

static int bad_usage(const char *what, const char *value, const char *expected)
{
    fprintf(stderr, "spillway-broker: %s: found '%s', expected %s\n%s", what, value, expected,
            usage);
    return EXIT_USAGE;
}

static bool take_listen(struct options *o, const char *text, size_t n)
{
    if (n >= sizeof(o->listen_text) || endpoint_parse(text, n, &o->listen) != OK) {
        return false;
    }
    o->any_port = n > 1 && text[n - 1] == '0' && text[n - 2] == ':';
    memcpy(o->listen_text, text, n);
    o->listen_text[n] = '\0';
    return true;
}

/* The address is told to clients, so it must name this host. */
static bool clients_can_use(const struct endpoint *e)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&e->address;
    return in->sin_family == AF_INET && in->sin_addr.s_addr != htonl(INADDR_ANY);
}

static bool take_partitions(struct options *o, const char *text)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > BUS_MAX_PARTITIONS) {
        return false;
    }
    o->partitions = (int)n;
    return true;
}

/* One option; 0, or an exit code. */
static int take_option(struct options *o, int option, const char *value)
{
    char text[64];
    const char *equals;
    switch (option) {
    case 'l':
        if (!take_listen(o, value, strlen(value)) || !clients_can_use(&o->listen)) {
            return bad_usage("--listen", value, "an IPv4 ADDR:PORT, and not 0.0.0.0");
        }
        return 0;
    case 'p':
        snprintf(text, sizeof(text), "127.0.0.1:%s", value);
        return take_listen(o, text, strlen(text)) ? 0 : bad_usage("--port", value, "a port number");
    case 'n':
        return take_partitions(o, value) ? 0
                                         : bad_usage("--partitions", value, "a number, 1 to 1024");
    case 'r':
        equals = strchr(value, '=');
        o->relay = true;
        if (equals == NULL || !take_listen(o, value, (size_t)(equals - value)) ||
            endpoint_parse(equals + 1, strlen(equals + 1), &o->target) != OK) {
            return bad_usage("--relay", value, "ADDR:PORT=ADDR:PORT, numeric");
        }
        return 0;
    case 'c': o->check = true; return 0;
    default: fputs(usage, stderr); return EXIT_USAGE;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},
        {"partitions", required_argument, NULL, 'n'},
        {"relay", required_argument, NULL, 'r'},
        {"check", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.partitions = DEFAULT_PARTITIONS};
    if (!take_listen(&o, "127.0.0.1:9092", strlen("127.0.0.1:9092"))) {
        return EXIT_FAILURE;
    }
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
        if (option == 'v') {
            return puts("spillway-broker " SPILLWAY_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
        int code = take_option(&o, option, optarg);
        if (code != 0) {
            return code;
        }
    }
    if (optind < argc) {
        return bad_usage("argument", argv[optind], "only options");
    }
    if (o.check) {
        return EXIT_SUCCESS;
    }
    int stop_fd = stop_signals();
    if (stop_fd < 0) {
        return failed("signals", strerror(errno));
    }
    int status = give_up_privileges(&o.listen);
    if (status != OK) {
        return failed("giving up privileges", error_text(status));
    }
    int code = o.relay ? run_relay(&o, stop_fd) : run_broker(&o, stop_fd);
    /* The cluster is not taken apart: it holds memory only, and librdkafka 2.0.2 spun for ever
     * doing so in one of six ends of a busy broker. Its threads still run, so exit handlers must
     * not. */
    fflush(stdout);
    _exit(code);
}
