// The first hour with a custodian, over HTTP, with what comes with the language: fetch.
//
// Everything that is done here stands in the OpenAPI document, which an instance
// serves at /openapi.json and testdata/api/instance.json has. The custodian is a new one of
// the profile global-custodian with a manual clock, which this program moves:
//
//     node first_hour.mts http://127.0.0.1:8101
//
// Node.js removes the types by itself from 22.18 on; for an older one esbuild does.

declare const process: { argv: string[]; exit(code: number): never };

const TIMEOUT_MS = 30_000;

interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  field?: string;
}

interface Account {
  account_id: string;
}

interface Settlement {
  settlement_id: string;
  status: "PENDING" | "IN_PROGRESS" | "COMPLETED" | "FAILED" | "CANCELLED";
  quantity: string; // exact: a decimal, which number is not
  symbol: string;
  expected_settlement_date: string;
  settlement: { status: string };
  reason: string | null;
  reason_text: string | null;
}

interface Instruction {
  settlement_type: "DEPOSIT" | "WITHDRAWAL";
  account_id: string;
  symbol: string;
  quantity: string;
}

interface SettlementPage {
  settlements: Settlement[];
  next_cursor: string | null;
}

interface Clock {
  now: string;
}

interface Event<Data> {
  sequence: number;
  type: string;
  data: Data;
}

/** A refusal: a problem document of RFC 9457 with a stable code. */
class Problem extends Error {
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(`${document.status} ${document.code}: ${document.detail}`);
    this.document = document;
  }
}

/** The HTTP interface of an instance. */
class Custodian {
  readonly url: string;

  constructor(url: string) {
    this.url = url.replace(/\/$/, "");
  }

  /** Returns the answer's headers and what its JSON says, or throws a Problem. */
  async call<Answer>(method: string, path: string, body?: object, key?: string): Promise<{ headers: Headers; json: Answer }> {
    const headers = new Headers();
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (key !== undefined) headers.set("Idempotency-Key", key);
    const answer = await fetch(this.url + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const mediaType = answer.headers.get("Content-Type") ?? "";
    if (mediaType.startsWith("application/problem+json")) throw new Problem(await answer.json());
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return { headers: answer.headers, json: await answer.json() };
  }

  async get<Answer>(path: string, query?: Record<string, string>): Promise<Answer> {
    const search = query ? "?" + new URLSearchParams(query) : "";
    return (await this.call<Answer>("GET", path + search)).json;
  }

  async post<Answer>(path: string, body: object, key?: string): Promise<Answer> {
    return (await this.call<Answer>("POST", path, body, key)).json;
  }

  /** Yields the pages of the list of settlements, as far as there are any. */
  async *pages(query: Record<string, string>): AsyncGenerator<SettlementPage> {
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: SettlementPage = await this.get("/api/v1/settlements", cursor ? { ...query, cursor } : query);
      yield page;
      cursor = page.next_cursor;
    }
  }

  /** Yields events behind that number as they become durable (server-sent events). */
  async *follow(after: number): AsyncGenerator<Event<Settlement>> {
    const stream = await fetch(this.url + "/api/v1/events", {
      headers: { Accept: "text/event-stream", "Last-Event-ID": String(after) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!stream.ok || !stream.body) throw new Error(`following the events: ${stream.status}`);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stream.body) {
      text += decoder.decode(chunk, { stream: true });
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const data = text.slice(0, end).split("\n").filter((line) => line.startsWith("data:"));
        if (data.length > 0) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
      }
    }
  }
}

async function main(url: string): Promise<void> {
  const bank = new Custodian(url);
  const account = await bank.post<Account>("/api/v1/accounts", { account_id: "fund", client_id: "example-client" });
  console.log(`opened ${account.account_id}`);

  // A key makes a request safe to repeat: the second call changes nothing.
  const deposit: Instruction = { settlement_type: "DEPOSIT", account_id: "fund", symbol: "AAPL", quantity: "100" };
  const key = crypto.randomUUID();
  const first = await bank.post<Settlement>("/api/v1/settlements", deposit, key);
  const again = await bank.call<Settlement>("POST", "/api/v1/settlements", deposit, key);
  const same = first.settlement_id === again.json.settlement_id ? "the same" : "another";
  console.log(`deposit of ${first.quantity} ${first.symbol}: ${first.status}, due ${first.expected_settlement_date}`);
  console.log(`asked again: ${same} settlement, replayed: ${again.headers.get("Idempotent-Replayed")}`);

  // More than there will be: a custodian takes the instruction, and says later
  // why it cannot settle.
  const tooMuch: Instruction = { ...deposit, settlement_type: "WITHDRAWAL", quantity: "500" };
  let withdrawal = await bank.post<Settlement>("/api/v1/settlements", tooMuch);
  console.log(`withdrawal of ${withdrawal.quantity} ${withdrawal.symbol}: ${withdrawal.status}`);

  let settlements = 0;
  let pages = 0;
  for await (const page of bank.pages({ account_id: "fund", limit: "1" })) {
    settlements += page.settlements.length;
    pages++;
  }
  console.log(`listed ${settlements} settlements on ${pages} pages`);

  // Days pass when the clock is moved; what is due until then has happened when
  // the call returns.
  const before = await bank.get<Clock>("/clock");
  const after = await bank.post<Clock>("/clock/advance", { by: "48h" });
  console.log(`advanced the clock from ${before.now.slice(0, 10)} to ${after.now.slice(0, 10)}`);
  await waitFor(bank, "settlement.completed", first);
  withdrawal = await bank.get<Settlement>("/api/v1/settlements/" + withdrawal.settlement_id);
  console.log(`withdrawal: ${withdrawal.settlement.status} ${withdrawal.reason}, ${withdrawal.reason_text}`);

  // A mistake is answered by a problem document.
  try {
    await bank.post<Settlement>("/api/v1/settlements", { ...deposit, symbol: "USD", quantity: "1.234" });
  } catch (refusal) {
    if (!(refusal instanceof Problem)) throw refusal;
    console.log(`refused: ${refusal.document.code} ${refusal.document.field}`);
  }
}

/** Follows the events until there is one of that type about the settlement. */
async function waitFor(bank: Custodian, kind: string, settlement: Settlement): Promise<void> {
  for await (const event of bank.follow(0)) {
    if (event.type === kind && event.data.settlement_id === settlement.settlement_id) {
      console.log(`event ${event.type}: ${event.data.status}`);
      return;
    }
  }
  throw new Error("the custodian ended the stream of events");
}

const url = process.argv[2];
if (url === undefined || process.argv.length !== 3) {
  console.error("usage: first_hour.mts URL-OF-A-CUSTODIAN");
  process.exit(2);
}
await main(url);
