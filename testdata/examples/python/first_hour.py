"""The first hour with a custodian, over HTTP, with the standard library alone.

Everything that is done here stands in the OpenAPI document, which an instance
serves at /openapi.json and testdata/api/instance.json has. The custodian is a new
one of the profile global-custodian with a manual clock, which this program moves:

    python3 first_hour.py http://127.0.0.1:8101
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

TIMEOUT_SECONDS = 30


class Problem(Exception):
    """A refusal: a problem document of RFC 9457 with a stable code."""

    def __init__(self, document):
        super().__init__(f"{document['status']} {document['code']}: {document['detail']}")
        self.document = document


class Custodian:
    """The HTTP interface of an instance."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, body=None, key=None):
        """Returns the answer's headers and what its JSON says, or raises a Problem."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if key is not None:
            request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.headers, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                if refusal.headers.get_content_type() != "application/problem+json":
                    raise
                raise Problem(json.load(refusal)) from None

    def get(self, path, **query):
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))[1]

    def post(self, path, body, key=None):
        return self.call("POST", path, body, key)[1]

    def pages(self, path, **query):
        """Yields the pages of a list, as far as there are any."""
        while True:
            page = self.get(path, **query)
            yield page
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def follow(self, after):
        """Yields events behind that number as they become durable (server-sent events)."""
        request = urllib.request.Request(
            self.url + "/api/v1/events",
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as stream:
            data = []
            for raw in stream:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("data:"):
                    data.append(line.removeprefix("data:").removeprefix(" "))
                elif line == "" and data:
                    yield json.loads("\n".join(data))
                    data = []


def main(url):
    bank = Custodian(url)
    bank.post("/api/v1/accounts", {"account_id": "fund", "client_id": "example-client"})
    print("opened fund")

    # A key makes a request safe to repeat: the second call changes nothing.
    deposit = {"settlement_type": "DEPOSIT", "account_id": "fund", "symbol": "AAPL", "quantity": "100"}
    key = str(uuid.uuid4())
    first = bank.post("/api/v1/settlements", deposit, key)
    headers, again = bank.call("POST", "/api/v1/settlements", deposit, key)
    same = "the same" if first["settlement_id"] == again["settlement_id"] else "another"
    print(f"deposit of {first['quantity']} {first['symbol']}: {first['status']}, due {first['expected_settlement_date']}")
    print(f"asked again: {same} settlement, replayed: {headers['Idempotent-Replayed']}")

    # More than there will be: a custodian takes the instruction, and says later
    # why it cannot settle.
    withdrawal = bank.post("/api/v1/settlements", deposit | {"settlement_type": "WITHDRAWAL", "quantity": "500"})
    print(f"withdrawal of {withdrawal['quantity']} {withdrawal['symbol']}: {withdrawal['status']}")

    pages = list(bank.pages("/api/v1/settlements", account_id="fund", limit=1))
    print(f"listed {sum(len(page['settlements']) for page in pages)} settlements on {len(pages)} pages")

    # Days pass when the clock is moved; what is due until then has happened when
    # the call returns.
    before = bank.get("/clock")["now"]
    after = bank.post("/clock/advance", {"by": "48h"})["now"]
    print(f"advanced the clock from {before[:10]} to {after[:10]}")
    wait_for(bank, "settlement.completed", first)
    withdrawal = bank.get("/api/v1/settlements/" + withdrawal["settlement_id"])
    print(f"withdrawal: {withdrawal['settlement']['status']} {withdrawal['reason']}, {withdrawal['reason_text']}")

    # A mistake is answered by a problem document.
    try:
        bank.post("/api/v1/settlements", deposit | {"symbol": "USD", "quantity": "1.234"})
    except Problem as refusal:
        print(f"refused: {refusal.document['code']} {refusal.document['field']}")


def wait_for(bank, kind, settlement):
    """Follows the events until there is one of that type about the settlement."""
    for event in bank.follow(after=0):
        if event["type"] == kind and event["data"]["settlement_id"] == settlement["settlement_id"]:
            print(f"event {event['type']}: {event['data']['status']}")
            return
    raise SystemExit("the custodian ended the stream of events")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: first_hour.py URL-OF-A-CUSTODIAN")
    main(sys.argv[1])
