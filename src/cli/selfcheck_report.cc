#include "cli/selfcheck_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/report.h"
#include "pilotfish/lab/machine.h"

namespace pilotfish::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::vector<CertifiedModel::File> files_of(const fs::path& path) {
  std::vector<CertifiedModel::File> files;
  const auto add = [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    if (!entry.is_regular_file(ignored)) return;
    files.push_back({entry.path().filename().string(),
                     static_cast<std::int64_t>(entry.file_size(ignored))});
  };
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    for (const auto& entry : fs::directory_iterator(path, ignored)) add(entry);
  } else {
    add(fs::directory_entry(path, ignored));
  }
  std::ranges::sort(files, {}, &CertifiedModel::File::name);
  return files;
}

std::int64_t count(const Selfcheck& result, CheckVerdict verdict) {
  return std::ranges::count(result.checks, verdict, &Check::verdict);
}

// The first few of a verdict.
std::string names_of(const Selfcheck& result, CheckVerdict verdict) {
  constexpr size_t kMost = 5;
  std::vector<std::string> names;
  for (const Check& check : result.checks) {
    if (check.verdict != verdict) continue;
    names.push_back(fmt::format("{} {} ({})", check_kind_name(check.kind),
                                check.subject, check.settings));
  }
  const size_t all = names.size();
  names.resize(std::min(all, kMost));
  std::string text = fmt::format("{}", fmt::join(names, "; "));
  if (all > kMost) text += fmt::format("; and {} more", all - kMost);
  return text;
}

std::string_view meaning(CheckKind kind, bool through_server) {
  switch (kind) {
    case CheckKind::kGreedy:
      return "at temperature 0 the text is that of plain decoding, token for "
             "token";
    case CheckKind::kReproducible:
      return "the text of a seed is that of plain sampling, token for token";
    case CheckKind::kDistribution:
      return "sampled texts have the target's own distribution";
    case CheckKind::kControl:
      return through_server
                 ? "requests for something else, which the same tests must "
                   "catch"
                 : "deliberately wrong rules, which the same tests must catch";
    case CheckKind::kLossy:
      return "rules that say they are lossy: no claim, but what was seen";
  }
  return "";
}

std::string_view word(CheckVerdict verdict) {
  constexpr std::array<std::string_view, 6> kWords = {
      "holds",      "FAILS",          "caught",
      "NOT CAUGHT", "lossy, noticed", "lossy, unnoticed"};
  return kWords[static_cast<size_t>(verdict)];
}

constexpr std::array<std::string_view, 9> kHeadings = {
    "rule",       "settings", "texts", "kept",   "compared",
    "chi-square", "p-value",  "seen",  "detects"};
using Row = std::array<std::string, kHeadings.size()>;

std::string kept(std::int64_t accepted, std::int64_t drafted) {
  if (drafted == 0) return "-";
  return fmt::format("{:.0f} %", 100 * static_cast<double>(accepted) /
                                     static_cast<double>(drafted));
}

Row row_of(const Check& check) {
  if (check.identity) {
    const IdentityResult& result = *check.identity;
    return {check.subject,
            check.settings,
            fmt::format("{}", result.texts),
            kept(result.accepted, result.drafted),
            fmt::format("{} ids", result.tokens),
            result.different == 0 ? std::string("identical")
                                  : fmt::format("{} differ", result.different),
            "-",
            "-",
            "one id"};
  }
  const DistributionResult& result = *check.distribution;
  return {check.subject,
          check.settings,
          fmt::format("{}", result.texts),
          kept(result.accepted, result.drafted),
          fmt::format("{:.0f} cells", result.degrees + 1),
          fmt::format("{:.1f}", result.statistic),
          fmt::format("{:.2g}", result.p_value),
          fmt::format("{:.3f}", result.distance),
          result.detects <= 1 ? fmt::format("{:.3f}", result.detects) : "-"};
}

std::vector<const Check*> of_kind(const Selfcheck& result, CheckKind kind) {
  std::vector<const Check*> checks;
  for (const Check& check : result.checks) {
    if (check.kind == kind) checks.push_back(&check);
  }
  return checks;
}

constexpr std::array kKinds = {CheckKind::kGreedy, CheckKind::kReproducible,
                               CheckKind::kDistribution, CheckKind::kControl,
                               CheckKind::kLossy};

// Names to the left, figures to the right.
std::string line(const Row& row, const std::array<size_t, 2>& widths,
                 std::string_view verdict) {
  return fmt::format(
      "  {:<{}}  {:<{}} {:>6} {:>6} {:>10} {:>10} {:>8} {:>6} {:>7}  {}",
      row[0], widths[0], row[1], widths[1], row[2], row[3], row[4], row[5],
      row[6], row[7], row[8], verdict);
}

std::string colour_of(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::kFails:
    case CheckVerdict::kNotCaught:
      return "\033[1;31m";
    case CheckVerdict::kHolds:
    case CheckVerdict::kCaught:
      return "\033[32m";
    case CheckVerdict::kLossyDetected:
    case CheckVerdict::kLossyUndetected:
      return "\033[33m";
  }
  return "";
}

std::string text_table(const std::vector<const Check*>& checks, bool colours) {
  std::array<size_t, 2> widths = {kHeadings[0].size(), kHeadings[1].size()};
  for (const Check* check : checks) {
    widths[0] = std::max(widths[0], check->subject.size());
    widths[1] = std::max(widths[1], check->settings.size());
  }
  Row head;
  std::ranges::copy(kHeadings, head.begin());
  std::string text = line(head, widths, "verdict") + "\n";
  for (const Check* check : checks) {
    std::string verdict(word(check->verdict));
    if (colours) verdict = colour_of(check->verdict) + verdict + "\033[0m";
    text += line(row_of(*check), widths, verdict) + "\n";
    if (check->identity && !check->identity->first_difference.empty() &&
        check->kind != CheckKind::kControl) {
      text += "    " + check->identity->first_difference + "\n";
    }
  }
  return text;
}

std::string markdown_table(const std::vector<const Check*>& checks) {
  std::string text =
      fmt::format("| {} | verdict |\n", fmt::join(kHeadings, " | "));
  text += "|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n";
  for (const Check* check : checks) {
    text += fmt::format("| {} | {} |\n", fmt::join(row_of(*check), " | "),
                        word(check->verdict));
  }
  for (const Check* check : checks) {
    if (check->identity && !check->identity->first_difference.empty()) {
      text += fmt::format("\nFirst difference of {}, {}: {}.\n", check->subject,
                          check->settings, check->identity->first_difference);
    }
  }
  return text;
}

// How texts were sampled, in a paragraph of 80 columns.
std::string sampled_text(const Certificate& certificate) {
  const Selfcheck& result = certificate.result;
  const std::string prompt =
      fmt::format("{}", fmt::join(result.sampled_prompt, " "));
  if (certificate.server) {
    return fmt::format(
        "Sampled texts are {} tokens after the tokens {}, by the server's "
        "acceptor\nunless another is named. predicted: the request says what "
        "is drafted. The claims of\ntemperature 1 alone get at least twice "
        "the texts that it takes to see every\nrequest for something else.\n",
        result.sampled_tokens, prompt);
  }
  return fmt::format(
      "Sampled texts are {} tokens after the tokens {}, most drafted by a "
      "draft made worse\non purpose. \"{}\": the models know these tokens "
      "alone. Wrong\nrules get as many such texts as it takes to see them, and "
      "each rule that claims to\nbe lossless at least four times as many.\n",
      result.sampled_tokens, prompt, result.rule_settings);
}

// What the figures mean, in paragraphs of 80 columns.
std::string legend(const Certificate& certificate) {
  const Selfcheck& result = certificate.result;
  return fmt::format(
      "kept: the share of the drafted tokens that were accepted. Texts are "
      "compared\nbit for bit over\n\n"
      "- {}\n\n{}"
      "chi-square is Pearson's, over the joint distribution of all tokens. A "
      "right engine\nfails any of the {} tests with probability {} (Holm's "
      "procedure: {:.1e} for the\nleast p-value, and what must be caught has "
      "to fall below that). seen: the total\nvariation distance between the "
      "texts and the target's distribution, over the\ncells; chance alone "
      "makes "
      "some. detects: the distance that a test refuses with\nprobability {} "
      "(non-central chi-square).\n",
      fmt::join(result.varied, "\n- "), sampled_text(certificate),
      result.statistical_claims, certificate.options.level,
      result.strictest_level, certificate.options.power);
}

Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json check_json(const Check& check) {
  Json json = {{"kind", check_kind_name(check.kind)},
               {"rule", check.subject},
               {"settings", check.settings},
               {"verdict", verdict_name(check.verdict)}};
  if (check.identity) {
    const IdentityResult& result = *check.identity;
    json["texts"] = result.texts;
    json["tokens"] = result.tokens;
    json["different"] = result.different;
    json["first_difference"] = result.first_difference;
    json["drafted"] = result.drafted;
    json["accepted"] = result.accepted;
  }
  if (check.distribution) {
    const DistributionResult& result = *check.distribution;
    json["texts"] = result.texts;
    json["drafted"] = result.drafted;
    json["accepted"] = result.accepted;
    json["chi_square"] = finite(result.statistic);
    json["degrees"] = result.degrees;
    json["p_value"] = result.p_value;
    json["detects"] = finite(result.detects);
    json["distance"] = result.distance;
  }
  return json;
}

Json model_json(const CertifiedModel& model) {
  Json files = Json::array();
  for (const CertifiedModel::File& file : model.files) {
    files.push_back({{"name", file.name}, {"bytes", file.bytes}});
  }
  return {{"role", model.role},
          {"path", model.path},
          {"architecture", model.architecture},
          {"parameters", model.parameters},
          {"weight_bytes", model.weight_bytes},
          {"files", files}};
}

std::string server_text(const CertifiedServer& server) {
  return fmt::format("{}, {}, acceptor {}, drafters {}, {}", server.url,
                     server.model, server.acceptor,
                     server.drafters.empty()
                         ? "none"
                         : fmt::format("{}", fmt::join(server.drafters, ", ")),
                     server.fingerprint);
}

Json server_json(const std::optional<CertifiedServer>& server) {
  if (!server) return nullptr;
  return {{"url", server->url},
          {"model", server->model},
          {"fingerprint", server->fingerprint},
          {"acceptor", server->acceptor},
          {"drafters", server->drafters}};
}

// The distance that every claim of a kind would have shown; `of_rules`: those
// of rules by themselves. Above 1: none.
double found_by(const Selfcheck& result, bool of_rules) {
  double distance = 0;
  for (const Check& check : result.checks) {
    if (check.kind != CheckKind::kDistribution) continue;
    if ((check.settings == result.rule_settings) != of_rules) continue;
    distance = std::max(distance, check.distribution->detects);
  }
  return distance;
}

// Rules by themselves are not tested through a server.
bool is_of_server(const Selfcheck& result) {
  return result.rule_settings.empty();
}

// What a claim that holds says of errors that are too small to be seen.
std::string found_text(const Selfcheck& result) {
  const double one = found_by(result, false);
  if (is_of_server(result)) {
    return fmt::format(
        "a total variation distance of {} would have been found with each "
        "sampling parameter",
        one <= 1 ? fmt::format("{:.2g}", one) : "more than some tests show");
  }
  const double rule = found_by(result, true);
  if (rule > 1) return "the tests of rules show no error at all";
  return fmt::format(
      "a total variation distance of {:.2g} in a rule, or of {} with one "
      "drafter or sampling parameter, would have been found",
      rule,
      one <= 1 ? fmt::format("{:.2g}", one) : "more than some tests show");
}

// What was seen of rules that say they are lossy; empty where there is none.
std::string lossy_text(const Selfcheck& result, std::string_view before) {
  std::string text;
  for (const Check& check : result.checks) {
    if (check.kind != CheckKind::kLossy) continue;
    const DistributionResult& seen = *check.distribution;
    text += text.empty() ? before : "; ";
    text += check.subject + " says that it is lossy, ";
    text += check.verdict == CheckVerdict::kLossyDetected
                ? fmt::format(
                      "and {} texts differ from the target's distribution (a "
                      "total variation distance of {:.2g}, p = {:.1g})",
                      seen.texts, seen.distance, seen.p_value)
                : fmt::format(
                      "but {} texts show no difference; a total variation "
                      "distance of {:.2g} would have been found",
                      seen.texts, seen.detects);
  }
  return text;
}

}  // namespace

CertifiedModel certified_model(std::string role, const Model& model) {
  return {std::move(role),
          model.path().string(),
          model.config().architecture,
          model.config().parameters(),
          model.weight_bytes(),
          files_of(model.path())};
}

Certificate make_certificate(const std::vector<SelfcheckPair>& pairs,
                             const SelfcheckOptions& options,
                             Selfcheck result) {
  const Model& target = *pairs.back().target;
  Certificate certificate;
  certificate.version = PILOTFISH_VERSION;
  certificate.date = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
  certificate.processor = processor_name();
  certificate.instruction_set = target.instruction_set();
  for (const SelfcheckPair& pair : pairs) {
    certificate.threads.push_back(pair.threads);
  }
  certificate.models.push_back(certified_model("target", target));
  if (pairs.back().draft) {
    certificate.models.push_back(certified_model("draft", *pairs.back().draft));
  }
  certificate.options = options;
  certificate.result = std::move(result);
  return certificate;
}

std::string summary(const Selfcheck& result) {
  const std::int64_t held = count(result, CheckVerdict::kHolds);
  switch (result.verdict) {
    case SelfcheckVerdict::kLossless:
      return fmt::format(
          "lossless: {} claims hold, and the {} wrong {} were caught; {}{}",
          held, count(result, CheckVerdict::kCaught),
          is_of_server(result) ? "requests" : "rules", found_text(result),
          lossy_text(result, "; "));
    case SelfcheckVerdict::kNotLossless:
      return fmt::format("NOT lossless: {} of {} claims fail: {}",
                         count(result, CheckVerdict::kFails),
                         held + count(result, CheckVerdict::kFails),
                         names_of(result, CheckVerdict::kFails));
    case SelfcheckVerdict::kNothingClaimed:
      return "nothing claimed: " + lossy_text(result, "");
    case SelfcheckVerdict::kInconclusive:
      return fmt::format(
          "inconclusive: {} claims hold, but the texts do not show what is "
          "wrong with: {}; {}; more texts (--trials) would show more",
          held, names_of(result, CheckVerdict::kNotCaught), found_text(result));
  }
  return "";
}

std::string certificate_text(const Certificate& certificate, bool colours) {
  std::string text;
  for (const CertifiedModel& model : certificate.models) {
    text += fmt::format("{:<9} {}, {} parameters\n", model.role, model.path,
                        model.parameters);
  }
  if (certificate.server) {
    text +=
        fmt::format("{:<9} {}\n", "server", server_text(*certificate.server));
  }
  text += fmt::format("{:<9} {}, {}, {} {}\n", "machine", certificate.processor,
                      certificate.instruction_set,
                      fmt::join(certificate.threads, " and "),
                      certificate.threads.back() == 1 ? "thread" : "threads");
  for (const CheckKind kind : kKinds) {
    const auto checks = of_kind(certificate.result, kind);
    if (checks.empty()) continue;
    text += fmt::format("\n{}: {}\n", check_kind_name(kind),
                        meaning(kind, certificate.server.has_value()));
    text += text_table(checks, colours);
  }
  return text + "\n" + legend(certificate) + "\n" +
         summary(certificate.result) + "\n";
}

std::string certificate_markdown(const Certificate& certificate) {
  std::string text = fmt::format("# pilotfish selfcheck\n\n**{}**\n\n",
                                 summary(certificate.result));
  text += fmt::format(
      "| | |\n|---|---|\n| program | pilotfish {} |\n"
      "| date | {} |\n| machine | {}, {} |\n| threads | {} |\n"
      "| seed | {} |\n",
      certificate.version, certificate.date, certificate.processor,
      certificate.instruction_set, fmt::join(certificate.threads, " and "),
      certificate.options.seed);
  for (const CertifiedModel& model : certificate.models) {
    std::vector<std::string> files;
    for (const CertifiedModel::File& file : model.files) {
      files.push_back(fmt::format("{} {} bytes", file.name, file.bytes));
    }
    text += fmt::format("| {} | {}: {}, {} parameters; {} |\n", model.role,
                        model.path, model.architecture, model.parameters,
                        fmt::join(files, ", "));
  }
  if (certificate.server) {
    text += fmt::format("| server | {} |\n", server_text(*certificate.server));
  }
  for (const CheckKind kind : kKinds) {
    const auto checks = of_kind(certificate.result, kind);
    if (checks.empty()) continue;
    text += fmt::format("\n## {}\n\n{}.\n\n", check_kind_name(kind),
                        meaning(kind, certificate.server.has_value()));
    text += markdown_table(checks);
  }
  return text + "\n## How to read this\n\n" + legend(certificate);
}

std::string certificate_json(const Certificate& certificate) {
  const SelfcheckOptions& options = certificate.options;
  Json models = Json::array();
  for (const CertifiedModel& model : certificate.models) {
    models.push_back(model_json(model));
  }
  Json checks = Json::array();
  for (const Check& check : certificate.result.checks) {
    checks.push_back(check_json(check));
  }
  return dump({{"verdict", verdict_name(certificate.result.verdict)},
               {"summary", summary(certificate.result)},
               {"version", certificate.version},
               {"date", certificate.date},
               {"processor", certificate.processor},
               {"instruction_set", certificate.instruction_set},
               {"threads", certificate.threads},
               {"models", models},
               {"server", server_json(certificate.server)},
               {"settings",
                {{"prompts", options.prompts.size()},
                 {"max_tokens", options.max_tokens},
                 {"windows", options.windows},
                 {"temperatures", options.temperatures},
                 {"trials", options.trials},
                 {"most_trials", options.most_trials},
                 {"level", options.level},
                 {"power", options.power},
                 {"seed", options.seed},
                 {"varied", certificate.result.varied},
                 {"sampled_prompt", certificate.result.sampled_prompt},
                 {"sampled_tokens", certificate.result.sampled_tokens},
                 {"rule_settings", certificate.result.rule_settings}}},
               {"statistical_claims", certificate.result.statistical_claims},
               {"strictest_level", certificate.result.strictest_level},
               {"checks", checks}});
}

}  // namespace pilotfish::cli
