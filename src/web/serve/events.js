// Server-sent events, out of a stream of bytes.

// Splits text that comes in parts into lines, which may end in any of the three
// ways that the format allows. A carriage return at the very end waits: a line
// feed may follow it.
class Lines {
  #rest = "";

  add(text) {
    this.#rest += text;
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines;
  }
}

// Yields {event, data} for each event of a body (a ReadableStream of bytes).
// Comments, which servers send to keep a connection open, yield nothing; an
// event that the stream's end cut off is dropped.
export async function* eventsOf(body) {
  const lines = new Lines();
  let event = "";
  let data = [];
  for await (const text of textsOf(body)) {
    for (const line of lines.add(text)) {
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n") };
        event = "";
        data = [];
        continue;
      }
      const [, name, value] = line.match(/^([^:]*)(?:: ?(.*))?$/s);
      if (name === "data") data.push(value ?? "");
      if (name === "event") event = value ?? "";
    }
  }
}

// Not every browser can walk over a stream with `for await`.
async function* textsOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever stops walking wants no more
  }
}
