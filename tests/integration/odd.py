"""Servers that answer for every name, each in its own way."""

FOUR = "198.51.100.1"


def true_reply(query):
    return query.reply(*([FOUR] if query.type == "A" else []))


def good(query):
    query.send(true_reply(query))


def folding(query):
    wire = true_reply(query).to_wire(want_shuffle=False)
    end = 12 + len(query.name) + 2
    query.send(wire[:12] + wire[12:end].lower() + wire[end:])


def without_edns(query):
    if not query.edns:
        good(query)
        return
    reply = query.reply(rcode="FORMERR")
    reply.use_edns(False)
    query.send(reply)


def by_tcp_alone(query):
    if query.tcp:
        good(query)
