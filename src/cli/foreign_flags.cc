#include "cli/foreign_flags.h"

#include <algorithm>

namespace pilotfish::cli {
namespace {

constexpr std::string_view kNoAccelerator =
    "pilotfish computes on the processor alone; leave it out";
constexpr std::string_view kThreads =
    "-t says how many threads compute; taskset and nice say where and when "
    "they run";
constexpr std::string_view kRope =
    "RoPE is scaled as the model's own configuration says; leave it out";
constexpr std::string_view kMapped =
    "weights are always memory-mapped, and copied only where they are "
    "converted or packed; leave it out";
constexpr std::string_view kNoSuchSampling =
    "there is no such sampling here; see --temperature, --top-k, --typical-p, "
    "--top-p, --min-p and the penalties";
constexpr std::string_view kOrder =
    "sampling steps apply in the order that --help lists";
constexpr std::string_view kNoDownload =
    "nothing is downloaded here; get the model with: hf download ORG/NAME, "
    "then -m ORG/NAME";
constexpr std::string_view kLog =
    "text goes to standard output, and statistics go to standard error; "
    "2>/dev/null hides them";
constexpr std::string_view kTalk =
    "pilotfish chat talks turn by turn; generate --chat answers one message";
constexpr std::string_view kNoAdapters =
    "adapters are not supported; merge it into the model's weights";
constexpr std::string_view kNoImages = "models here read text only";
constexpr std::string_view kBatch =
    "a text does not depend on how its prompt is cut into batches; leave it "
    "out";
constexpr std::string_view kDrafting =
    "-k K fixes the window, and -k auto, the default, chooses it by what "
    "drafting brings";
constexpr std::string_view kNgram =
    "--drafter ngram or --drafter suffix drafts from repeats; with -k K, at "
    "most K - 1 tokens";
constexpr std::string_view kKvTypeOfBoth =
    "--kv-dtype applies to the caches of the target and of the draft";
constexpr std::string_view kThreadsOfBoth =
    "-t applies to the target and to the draft";
constexpr std::string_view kTemplate =
    "chat templates are always Jinja, the model's own or --template FILE; "
    "leave it out";
constexpr std::string_view kThinking =
    "the template decides; --template FILE gives another";
constexpr std::string_view kContext =
    "a text ends where its sequence is full; -c N makes room for more";

constexpr ForeignFlag kForeignFlags[] = {
    // Read as a flag of ours.
    {"--predict,--n-predict", "--max-tokens"},
    {"--ctx-size", "--n-positions"},
    {"-hf,-hfr,--hf-repo", "--model"},
    {"-md,--model-draft,--spec-draft-model,-hfd,-hfrd,--hf-repo-draft,"
     "--spec-draft-hf",
     "--draft"},
    {"--spec-draft-n-max,--draft-n,--spec-ngram-mod-n-max", "--draft-max"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", "--kv-dtype"},
    {"--temp", "--temperature"},
    {"--typical", "--typical-p"},
    {"--repeat-penalty", "--repetition-penalty"},
    {"--repeat-last-n", "--penalty-window"},
    {"-l", "--logit-bias"},
    {"-r,--reverse-prompt", "--stop"},
    {"--grammar-file", "--grammar"},
    {"-j,-jf,--json-schema-file", "--json-schema"},
    {"-sys,--system-prompt", "--system"},
    {"--chat-template-file", "--template"},
    {"-bf,--binary-file", "--file"},
    {"--chat-template-kwargs", "--variables", kTemplate},
    {"-np", "--parallel"},
    {"-st,--single-turn", "--chat", kTalk},
    {"-sp", "--special",
     "special tokens are never printed in a text; --json "
     "has all ids"},
    {"--n-prompt", "--prompt-tokens"},
    {"--n-gen", "--generate-tokens"},

    // Where it computes.
    {"-ngl,--gpu-layers,--n-gpu-layers", "", kNoAccelerator},
    {"-ngld,--gpu-layers-draft,--n-gpu-layers-draft,--spec-draft-ngl", "",
     kNoAccelerator},
    {"-dev,--device,--list-devices,-devd,--device-draft,--spec-draft-device",
     "", kNoAccelerator},
    {"-sm,--split-mode,-ts,--tensor-split,-mg,--main-gpu", "", kNoAccelerator},
    {"-ot,--override-tensor,-otd,--override-tensor-draft,"
     "--spec-draft-override-tensor",
     "", kNoAccelerator},
    {"-cmoe,--cpu-moe,-ncmoe,--n-cpu-moe,--moe-cache-mib,-ncffn,--n-cpu-ffn",
     "", kNoAccelerator},
    {"-cmoed,--cpu-moe-draft,-ncmoed,--n-cpu-moe-draft,--spec-draft-cpu-moe,"
     "--spec-draft-n-cpu-moe,--spec-draft-ncmoe",
     "", kNoAccelerator},
    {"-fit,--fit,-fitt,--fit-target,-fitc,--fit-ctx", "", kNoAccelerator},
    {"-kvo,--kv-offload,-nkvo,--no-kv-offload,--op-offload,--no-op-offload,"
     "--no-host,--rpc",
     "", kNoAccelerator},
    {"-bs,--backend-sampling,--spec-draft-backend-sampling,"
     "--no-spec-draft-backend-sampling",
     "", kNoAccelerator},
    {"-fa,--flash-attn", "",
     "attention is computed in one way, blockwise; leave it out"},
    {"-tb,--threads-batch", "", "-t applies to prompts and to new tokens"},
    {"-td,--threads-draft,--spec-draft-threads,-tbd,--threads-batch-draft,"
     "--spec-draft-threads-batch",
     "", kThreadsOfBoth},
    {"-C,--cpu-mask,-Cr,--cpu-range,--cpu-strict,--prio,--poll", "", kThreads},
    {"--numa", "",
     "threads and memory are placed by node as they are; numactl keeps "
     "pilotfish on some nodes"},
    {"-Cb,--cpu-mask-batch,-Crb,--cpu-range-batch,--cpu-strict-batch,"
     "--prio-batch,--poll-batch",
     "", kThreads},
    {"-Cd,--cpu-mask-draft,-Crd,--cpu-range-draft,--cpu-strict-draft,"
     "--prio-draft,--poll-draft,-Cbd,--cpu-mask-batch-draft",
     "", kThreads},

    // What is loaded, and how.
    {"-mu,--model-url,-dr,--docker-repo,-hft,--hf-token,--offline,-cl,"
     "--cache-list",
     "", kNoDownload},
    {"-hff,--hf-file", "",
     "name the file by its path, or as -m ORG/NAME:QUANT"},
    {"--mmap,--no-mmap,--mlock,-dio,--direct-io,-ndio,--no-direct-io,-lm,"
     "--load-mode,-lzm,--lazy-mode,--repack,-nr,--no-repack",
     "", kMapped},
    {"--check-tensors", "", "pilotfish inspect --check reads every weight"},
    {"--override-kv", "", "edit the model's config.json instead"},
    {"--lora,--lora-scaled,--control-vector,--control-vector-scaled,"
     "--control-vector-layer-range",
     "", kNoAdapters},
    {"-mm,--mmproj,-mmu,--mmproj-url,--mmproj-auto,--no-mmproj,"
     "--no-mmproj-auto,--mmproj-offload,--no-mmproj-offload,--image,--audio,"
     "--video,--image-min-tokens,--image-max-tokens",
     "", kNoImages},
    {"--rope-scaling,--rope-scale,--rope-freq-base,--rope-freq-scale,"
     "--yarn-orig-ctx,--yarn-ext-factor,--yarn-attn-factor,--yarn-beta-slow,"
     "--yarn-beta-fast",
     "", kRope},
    {"-ctkd,--cache-type-k-draft,--spec-draft-type-k,-ctvd,"
     "--cache-type-v-draft,--spec-draft-type-v",
     "", kKvTypeOfBoth},
    {"-dt,--defrag-thold,--swa-full,-ctxcp,--ctx-checkpoints,-cram,"
     "--cache-ram",
     "", "the cache of keys and values manages itself; leave it out"},
    {"-b,--batch-size,-ub,--ubatch-size", "", kBatch},
    {"--keep,--context-shift,--no-context-shift", "", kContext},

    // Drafting.
    {"--spec-type,--spec-default", "",
     "--drafter says what guesses, and -d MODEL which model drafts"},
    {"--draft-min,--draft-n-min,--spec-draft-n-min,--draft-p-min,"
     "--spec-draft-p-min,--draft-p-split,--spec-draft-p-split",
     "", kDrafting},
    {"--spec-ngram-mod-n-min,--spec-ngram-mod-n-match,"
     "--spec-ngram-simple-size-n,--spec-ngram-simple-size-m,"
     "--spec-ngram-map-k-size-n,--spec-ngram-map-k-size-m",
     "", kNgram},
    {"-lcs,--lookup-cache-static,-lcd,--lookup-cache-dynamic", "",
     "--corpus FILE gives a drafter text to look for repeats in"},

    // Sampling.
    {"--samplers,--sampler-seq,--sampling-seq", "", kOrder},
    {"--top-nsigma,--top-n-sigma,--xtc-probability,--xtc-threshold,"
     "--adaptive-target,--adaptive-decay,--dynatemp-range,--dynatemp-exp,"
     "--mirostat,--mirostat-lr,--mirostat-ent",
     "", kNoSuchSampling},
    {"--dry-multiplier,--dry-base,--dry-allowed-length,--dry-penalty-last-n,"
     "--dry-sequence-breaker",
     "", kNoSuchSampling},

    // Conversations.
    {"-cnv,--conversation,-i,--interactive,-if,--interactive-first,-ins,--"
     "instruct",
     "", kTalk},
    {"-no-cnv,--no-conversation", "",
     "generate continues a prompt as it is unless --chat is given; leave it "
     "out"},
    {"-sysf,--system-prompt-file", "",
     "give the text: --system \"$(cat FILE)\""},
    {"--chat-template", "", "--template FILE reads a Jinja template"},
    {"--jinja,--no-jinja,--skip-chat-parsing,"
     "--no-skip-chat-parsing",
     "", kTemplate},
    {"--reasoning-format,-rea,--reasoning,--reasoning-effort,"
     "--reasoning-budget,--reasoning-budget-message,--reasoning-preserve,"
     "--no-reasoning-preserve",
     "", kThinking},
    {"--in-prefix,--in-suffix,--in-prefix-bos", "", kTemplate},
    {"-mli,--multiline-input", "",
     "a line that ends with \\ goes on in the next"},
    {"--server-base", "",
     "chat talks to models of its own; pilotfish serve is a server"},

    // The server.
    {"--ssl-cert-file", "--tls-cert"},
    {"--ssl-key-file", "--tls-key"},
    {"--no-cache-prompt", "--no-prefix-cache"},
    {"-to,--timeout", "--max-read-seconds"},
    {"--api-key", "",
     "--api-key-file FILE reads keys from a file, as everybody on the machine "
     "can read arguments"},
    {"--threads-http", "", "one thread is enough for HTTP; leave it out"},
    {"--metrics,--slots,--no-slots,--props", "",
     "GET /metrics, /slots and /props are always there; leave it out"},
    {"-cb,--cont-batching,-nocb,--no-cont-batching", "",
     "texts always join and leave the batch one by one; leave it out"},
    {"--cache-prompt,--cache-reuse", "",
     "what prompts have in common is always reused, unless --no-prefix-cache "
     "forbids it; leave it out"},

    // What is printed.
    {"-v,--verbose,--log-verbose,-lv,--verbosity,--log-verbosity,--log-disable,"
     "--log-file,--log-jsonl,--no-log-jsonl,--log-colors,--log-prefix,"
     "--no-log-prefix,--log-timestamps,--no-log-timestamps,--log-prompts-dir",
     "", kLog},
    {"--perf,--no-perf,--show-timings,--no-show-timings,--simple-io", "", kLog},
    {"--display-prompt,--no-display-prompt", "",
     "a prompt is never printed with its text; leave it out"},
    {"--verbose-prompt", "",
     "pilotfish tokenize --pieces shows a prompt's "
     "tokens"},
    {"-co,--color", "", "--show-draft colours a text; NO_COLOR=1 forbids it"},
    {"-o,--output,--output-file", "",
     "> FILE writes what is printed, --json prints JSON"},
    {"--warmup,--no-warmup", "",
     "warming up is not an option here; leave it out"},
    {"--completion-bash", "", "completions are installed with the program"},
};

}  // namespace

std::span<const ForeignFlag> foreign_flags() { return kForeignFlags; }

const ForeignFlag* find_foreign_flag(std::string_view name) {
  const auto* found =
      std::ranges::find_if(kForeignFlags, [&](const ForeignFlag& flag) {
        return std::ranges::count(names_in(flag.names), name) > 0;
      });
  return found == std::end(kForeignFlags) ? nullptr : found;
}

std::vector<std::string_view> names_in(std::string_view list) {
  std::vector<std::string_view> names;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    names.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

}  // namespace pilotfish::cli
