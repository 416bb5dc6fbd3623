// What /metrics says, in Prometheus' text format.

const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(text) {
  return Object.fromEntries([...(text ?? "").matchAll(label)]
    .map(([, name, value]) => [name, value]));
}

// A list of {name, labels, value}.
export function samplesOf(text) {
  return text.split("\n").filter((line) => !line.startsWith("#"))
    .map((line) => line.match(sample)).filter(Boolean)
    .map(([, name, labels, value]) =>
      ({ name, labels: labelsOf(labels), value: Number(value) }));
}

// The names that a figure goes by, vLLM's first and then llama.cpp's, without
// the prefix that says whose it is.
const names = {
  running: ["num_requests_running", "requests_processing"],
  waiting: ["num_requests_waiting", "requests_deferred"],
  kvUse: ["kv_cache_usage_perc", "gpu_cache_usage_perc",
    "kv_cache_usage_ratio"],
  kvRunning: ["kv_cache_tokens"],
  kvKept: ["prefix_cache_tokens"],
  generated: ["generation_tokens_total", "tokens_predicted_total"],
  promptTokens: ["prompt_tokens_total"],
  cacheQueries: ["prefix_cache_queries_total"],
  cacheHits: ["prefix_cache_hits_total"],
  drafted: ["spec_decode_num_draft_tokens_total"],
  accepted: ["spec_decode_num_accepted_tokens_total"],
};

const withoutPrefix = (name) => name.replace(/^.*:|^pilotfish_/, "");

// The total over the samples without a drafter of their own, which others add
// up; over all where there are no such.
function totalOf(samples) {
  const whole = samples.filter(({ labels }) => !labels.drafter);
  return (whole.length > 0 ? whole : samples)
    .reduce((sum, { value }) => sum + value, 0);
}

// A number for each figure, or null where the server does not say.
export function figuresOf(text) {
  const byName = new Map();
  for (const found of samplesOf(text)) {
    const name = withoutPrefix(found.name);
    // One prefix counts: the same figure may go by several.
    const known = byName.get(name);
    if (known && known[0].name !== found.name) continue;
    byName.set(name, [...known ?? [], found]);
  }
  return Object.fromEntries(Object.entries(names).map(([figure, list]) => {
    const name = list.find((candidate) => byName.has(candidate));
    return [figure, name ? totalOf(byName.get(name)) : null];
  }));
}
