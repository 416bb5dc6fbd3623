#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/model_sampling.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

constexpr std::int64_t kPositions = 4096;  // where the user does not say

constexpr const char* kHelp =
    "/help           this list\n"
    "/reset          forget the conversation\n"
    "/system TEXT    start again with a system message; alone, without one\n"
    "/stats          statistics of the last answer\n"
    "/quit           leave (so do Ctrl-D, and Ctrl-C twice)\n"
    "A line that ends with \\ goes on in the next. The up key brings earlier "
    "lines back.\n"
    "Ctrl-C stops an answer.";

struct ChatFlags {
  DecodingOptions decoding;
  std::optional<std::string> system;
  std::string template_file;
  bool parse_special = false;
  bool show_draft = false;
};

Session open(const ChatFlags& options, const Command& command) {
  Session session = open_session(options.decoding);
  use_model_sampling(command, session);
  return session;
}

// The model's template, or the one given. Throws UsageError that says what to
// do with a model that has none.
ChatTemplate template_of(const Session& session, const ChatFlags& options) {
  const Tokenizer& tokenizer = session.text("chat");
  if (options.template_file.empty() && tokenizer.chat_template().empty()) {
    const bool shipped = options.decoding.compute.model.empty();
    throw UsageError(fmt::format(
        "{}: has no chat template: this model continues texts, as in pilotfish "
        "generate {}-p \"Once upon a time\"; to talk, choose a model made for "
        "it with -m, or give --template FILE",
        session.target->path().string(),
        shipped ? "" : fmt::format("-m {} ", session.target->path().string())));
  }
  return load_template(session, options.template_file);
}

// The beginning of a text on one line, "..." behind it if that is not all.
std::string beginning(std::string_view text) {
  constexpr size_t kShown = 40;
  size_t end = std::min(text.size(), kShown);
  // Not inside a character.
  while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) --end;
  std::string shown(text.substr(0, end));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  }
  return shown + (end < text.size() ? "..." : "");
}

// Talks with a model: reads messages and commands, writes answers.
class Chat {
 public:
  Chat(const ChatFlags& options, const Command& command)
      : options_(options),
        session_(open(options, command)),
        engine_(session_.target, session_.draft, session_.tokenizer,
                engine_options(session_, positions())),
        conversation_(session_.text("chat"), template_of(session_, options),
                      {.n_positions = engine_.n_positions(),
                       .reserve = reserve(),
                       .parse_special = options.parse_special}),
        reader_(interrupt_, STDIN_FILENO),
        system_(options.system) {
    conversation_.reset(system_);
  }

  // Throws Error at the end of a pipe where some message had no answer.
  void run() {
    if (stdin_is_terminal()) {
      print_note(fmt::format("{}, {} positions; /help lists the commands",
                             session_.target->path().string(),
                             engine_.n_positions()));
    }
    if (options_.show_draft) print_note(legend());
    while (const auto line = reader_.read()) {
      if (line->empty()) continue;
      if (line->front() == '/') {
        if (!obey(*line)) break;
        continue;
      }
      try_to_answer(*line);
    }
    if (stdin_is_terminal()) {
      print_note("");
    } else if (unanswered_ > 0) {
      throw Error(fmt::format("{} of {} messages had no answer", unanswered_,
                              messages_));
    }
  }

 private:
  std::int64_t positions() const {
    const std::int64_t wanted = options_.decoding.compute.n_positions;
    return wanted != 0
               ? wanted
               : std::min(kPositions, session_.target->config().n_positions);
  }

  // What a prompt leaves free for its answer: a quarter of the positions, or
  // all that the answer may have where that is less.
  std::int64_t reserve() const {
    const std::int64_t quarter =
        std::max<std::int64_t>(engine_.n_positions() / 4, 1);
    const std::int64_t most = session_.request.max_tokens;
    return most == -1 ? quarter : std::min(most, quarter);
  }

  static std::string legend() {
    const std::string text = TextWriter(true, true).legend();
    return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
  }

  // Carries out a command. False: leave.
  bool obey(const std::string& line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string command = line.substr(0, space);
    if (command == "/quit" || command == "/exit") return false;
    if (command == "/reset") {
      conversation_.reset(system_);
    } else if (command == "/system") {
      system_.reset();
      if (space < line.size()) system_ = line.substr(space + 1);
      conversation_.reset(system_);
    } else if (command == "/stats") {
      print_note(last_ ? statistics_text(session_, engine_,
                                         options_.decoding.window, *last_)
                       : "no answer yet");
    } else {
      if (command != "/help") print_note(command + " is not a command");
      print_note(kHelp);
    }
    return true;
  }

  // What goes wrong with one message is said in a line, and the conversation
  // goes on as it was before. Only where answers cannot be written is there no
  // point in going on.
  void try_to_answer(const std::string& text) {
    ++messages_;
    try {
      answer(text);
    } catch (const Error& error) {
      if (!output_works_) throw;
      ++unanswered_;
      print_note(stdin_is_terminal()
                     ? fmt::format("pilotfish: {}", error.what())
                     : fmt::format("pilotfish: message {}: {}", messages_,
                                   error.what()));
    }
  }

  void answer(const std::string& text) {
    NextTurn turn = conversation_.ask(text);
    note_dropped(turn.dropped);
    if (messages_ == 1) {
      note_doubled_bos(session_.text("chat"), turn.prompt);
    }
    Request request = session_.request;
    request.prompt = turn.prompt;
    TextWriter writer(true, options_.show_draft);
    const RequestId id =
        engine_.submit(std::move(request), [&](const Piece& piece) {
          write([&] { writer.write(piece); });
          return !interrupt_.raised();
        });
    last_ = run_request(engine_, id, [&] { return interrupt_.raised(); });
    interrupt_.clear();
    write([&] {
      writer.finish();
      if (!stdout_is_terminal()) write_out("\n");
    });
    if (last_->tokens.empty()) {  // Ctrl-C before the first of them
      print_note("(stopped before an answer began: the message is forgotten)");
      return;
    }
    if (last_->finish_reason == FinishReason::kNPositions) {
      print_note(fmt::format(
          "(the answer ends here because the conversation fills all {} "
          "positions)",
          engine_.n_positions()));
    }
    conversation_.answered(std::move(turn), *last_);
  }

  // Writes to standard output, and notes whether that is possible.
  template <typename Action>
  void write(const Action& action) {
    output_works_ = false;
    action();
    output_works_ = true;
  }

  void note_dropped(const std::vector<std::string>& dropped) const {
    if (dropped.empty()) return;
    print_note(fmt::format(
        "(the conversation no longer fits into {} positions: its oldest {} "
        "forgotten, up to \"{}\" and the answer to it)",
        engine_.n_positions(),
        dropped.size() == 1 ? "message is"
                            : fmt::format("{} messages are", dropped.size()),
        beginning(dropped.back())));
  }

  const ChatFlags& options_;
  Session session_;
  Engine engine_;
  Conversation conversation_;
  InterruptFlag interrupt_;
  LineReader reader_;
  std::optional<std::string> system_;
  std::optional<Generation> last_;
  bool output_works_ = true;
  std::int64_t messages_ = 0;
  std::int64_t unanswered_ = 0;
};

}  // namespace

void add_chat(CommandLine& line) {
  Command command =
      line.add_command("chat",
                       "Talk with a model, turn by turn, sampled as its "
                       "generation_config.json recommends");
  const auto options = std::make_shared<ChatFlags>();
  const FlagGroup group = command.group("Conversation");
  group.add("--system", options->system, "TEXT", "A system message")
      .may_be_empty()
      .has_escapes();
  group.add("--template", options->template_file, "FILE",
            "A Jinja chat template instead of the model's own");
  group.add_switch("--parse-special", options->parse_special,
                   "Read special tokens in messages too, as in \"<|im_end|>\"; "
                   "else only the template's own are special");
  group.add_switch("--show-draft", options->show_draft,
                   "Show where each token came from");
  options->decoding.max_tokens = -1;
  add_decoding_options(command, options->decoding);
  command.flag("--temperature").implied();  // the model may recommend one
  command.on_run([options, command] { Chat(*options, command).run(); });
}

}  // namespace pilotfish::cli
