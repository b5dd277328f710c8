// The first hour with a custodian, over HTTP, with what Node 20 has: fetch.
//
// Everything that is done here stands in the OpenAPI document, which an instance
// serves at /openapi.json and testdata/api/instance.json has. The types are JSDoc,
// which TypeScript checks (tsc --noEmit --allowJs --checkJs --strict). The custodian is a
// new one of the profile global-custodian with a manual clock, which this program moves:
//
//     node first_hour.mjs http://127.0.0.1:8101
// @ts-check

import { randomUUID } from "node:crypto";
import process from "node:process";

const TIMEOUT_MS = 30_000;

/**
 * @typedef {{type: string, title: string, status: number, detail: string, code: string, field?: string}} ProblemDocument
 * @typedef {{settlement_id: string, status: string, quantity: string, symbol: string, expected_settlement_date: string,
 *   settlement: {status: string}, reason: string | null, reason_text: string | null}} Settlement
 * @typedef {{settlements: Settlement[], next_cursor: string | null}} SettlementPage
 * @typedef {{sequence: number, type: string, data: Settlement}} SettlementEvent
 */

/** A refusal: a problem document of RFC 9457 with a stable code. */
class Problem extends Error {
  /** @param {ProblemDocument} document */
  constructor(document) {
    super(`${document.status} ${document.code}: ${document.detail}`);
    this.document = document;
  }
}

/** The HTTP interface of an instance. */
class Custodian {
  /** @param {string} url */
  constructor(url) {
    this.url = url.replace(/\/$/, "");
  }

  /**
   * Returns the answer's headers and what its JSON says, or throws a Problem.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [key]
   * @returns {Promise<{headers: Headers, json: any}>}
   */
  async call(method, path, body, key) {
    const headers = new Headers();
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (key !== undefined) headers.set("Idempotency-Key", key);
    const answer = await fetch(this.url + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const mediaType = answer.headers.get("Content-Type") ?? "";
    if (mediaType.startsWith("application/problem+json")) throw new Problem(await answer.json());
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return { headers: answer.headers, json: await answer.json() };
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [query]
   * @returns {Promise<any>}
   */
  async get(path, query) {
    const search = query ? "?" + new URLSearchParams(query) : "";
    return (await this.call("GET", path + search)).json;
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {string} [key]
   * @returns {Promise<any>}
   */
  async post(path, body, key) {
    return (await this.call("POST", path, body, key)).json;
  }

  /**
   * Yields the pages of the list of settlements, as far as there are any.
   * @param {Record<string, string>} query
   * @returns {AsyncGenerator<SettlementPage>}
   */
  async *pages(query) {
    for (let cursor = ""; ; ) {
      /** @type {SettlementPage} */
      const page = await this.get("/api/v1/settlements", cursor ? { ...query, cursor } : query);
      yield page;
      if (page.next_cursor === null) return;
      cursor = page.next_cursor;
    }
  }

  /**
   * Yields events behind that number as they become durable (server-sent events).
   * @param {number} after
   * @returns {AsyncGenerator<SettlementEvent>}
   */
  async *follow(after) {
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

/** @param {string} url */
async function main(url) {
  const bank = new Custodian(url);
  await bank.post("/api/v1/accounts", { account_id: "fund", client_id: "example-client" });
  console.log("opened fund");

  // A key makes a request safe to repeat: the second call changes nothing.
  const deposit = { settlement_type: "DEPOSIT", account_id: "fund", symbol: "AAPL", quantity: "100" };
  const key = randomUUID();
  /** @type {Settlement} */
  const first = await bank.post("/api/v1/settlements", deposit, key);
  const again = await bank.call("POST", "/api/v1/settlements", deposit, key);
  const same = first.settlement_id === again.json.settlement_id ? "the same" : "another";
  console.log(`deposit of ${first.quantity} ${first.symbol}: ${first.status}, due ${first.expected_settlement_date}`);
  console.log(`asked again: ${same} settlement, replayed: ${again.headers.get("Idempotent-Replayed")}`);

  // More than there will be: a custodian takes the instruction, and says later
  // why it cannot settle.
  /** @type {Settlement} */
  let withdrawal = await bank.post("/api/v1/settlements", { ...deposit, settlement_type: "WITHDRAWAL", quantity: "500" });
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
  const before = await bank.get("/clock");
  const after = await bank.post("/clock/advance", { by: "48h" });
  console.log(`advanced the clock from ${before.now.slice(0, 10)} to ${after.now.slice(0, 10)}`);
  await waitFor(bank, "settlement.completed", first);
  withdrawal = await bank.get("/api/v1/settlements/" + withdrawal.settlement_id);
  console.log(`withdrawal: ${withdrawal.settlement.status} ${withdrawal.reason}, ${withdrawal.reason_text}`);

  // A mistake is answered by a problem document.
  try {
    await bank.post("/api/v1/settlements", { ...deposit, symbol: "USD", quantity: "1.234" });
  } catch (refusal) {
    if (!(refusal instanceof Problem)) throw refusal;
    console.log(`refused: ${refusal.document.code} ${refusal.document.field}`);
  }
}

/**
 * Follows the events until there is one of that type about the settlement.
 * @param {Custodian} bank
 * @param {string} kind
 * @param {Settlement} settlement
 */
async function waitFor(bank, kind, settlement) {
  for await (const event of bank.follow(0)) {
    if (event.type === kind && event.data.settlement_id === settlement.settlement_id) {
      console.log(`event ${event.type}: ${event.data.status}`);
      return;
    }
  }
  throw new Error("the custodian ended the stream of events");
}

if (process.argv.length !== 3) {
  console.error("usage: first_hour.mjs URL-OF-A-CUSTODIAN");
  process.exit(2);
}
await main(process.argv[2]);
