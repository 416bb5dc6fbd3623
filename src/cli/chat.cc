#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/options.h"
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
    "/system TEXT    start anew with a system message\n"
    "/stats          statistics of the last answer\n"
    "/quit           leave (so do Ctrl-D, and Ctrl-C twice)\n"
    "A line that ends with \\ goes on in the next. Ctrl-C stops an answer.";

struct ChatFlags {
  DecodingOptions decoding;
  std::string system;
  std::string template_file;
  bool show_draft = false;
};

// A conversation: its messages, and the answers to them.
class Chat {
 public:
  explicit Chat(const ChatFlags& options)
      : options_(options),
        session_(open_session(options.decoding)),
        template_(load_template(session_, options.template_file)),
        engine_(session_.target, session_.draft, session_.tokenizer,
                engine_options(session_, positions())),
        reader_(interrupt_, STDIN_FILENO),
        system_(options.system) {
    reset();
  }

  void run() {
    if (stdin_is_terminal()) {
      print_note(fmt::format("{}, {} positions; /help lists the commands",
                             session_.target->path().string(),
                             engine_.n_positions()));
    }
    while (const auto line = reader_.read()) {
      if (line->empty()) continue;
      if (line->front() == '/') {
        if (!obey(*line)) return;
        continue;
      }
      try {
        answer(*line);
      } catch (const Error& error) {
        // Someone who talks can try again; a script cannot.
        if (!stdin_is_terminal()) throw;
        print_note(fmt::format("pilotfish: {}", error.what()));
      }
    }
    if (stdin_is_terminal()) print_note("");
  }

 private:
  std::int64_t positions() const {
    const std::int64_t wanted = options_.decoding.compute.n_positions;
    return wanted != 0
               ? wanted
               : std::min(kPositions, session_.target->config().n_positions);
  }

  void reset() {
    messages_.clear();
    if (!system_.empty()) messages_.push_back({"system", system_, ""});
  }

  // Carries out a command. False: leave.
  bool obey(const std::string& line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string command = line.substr(0, space);
    if (command == "/quit" || command == "/exit") return false;
    if (command == "/reset") {
      reset();
    } else if (command == "/system") {
      system_ = line.substr(std::min(space + 1, line.size()));
      reset();
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

  void answer(const std::string& text) {
    messages_.push_back({"user", text, ""});
    Request request = session_.request;
    try {
      request.prompt = fitting_prompt();
    } catch (...) {
      messages_.pop_back();
      throw;
    }
    TextWriter writer(true, options_.show_draft);
    const RequestId id =
        engine_.submit(std::move(request), [&](const Piece& piece) {
          writer.write(piece);
          return !interrupt_.raised();
        });
    last_ = run_request(engine_, id, [&] { return interrupt_.raised(); });
    interrupt_.clear();
    writer.finish();
    if (!stdout_is_terminal()) write_out("\n");
    messages_.push_back({"assistant", last_->text, ""});
  }

  // The conversation as tokens; without its oldest turns where it would leave
  // no room for an answer. Throws Error where the newest message alone does
  // not fit.
  std::vector<Token> fitting_prompt() {
    size_t forgotten = 0;
    while (true) {
      std::vector<Token> tokens = session_.tokenizer->encode(
          template_.render(messages_), {.add_special = false});
      if (static_cast<std::int64_t>(tokens.size()) < engine_.n_positions()) {
        if (forgotten > 0) {
          print_note(fmt::format(
              "(the conversation has outgrown {} positions: {} of its oldest "
              "turns are forgotten)",
              engine_.n_positions(), forgotten));
        }
        return tokens;
      }
      if (!forget_oldest_turn()) {
        throw Error(fmt::format(
            "the message takes {} tokens, and n_positions is {}; give more "
            "with --n-positions",
            tokens.size(), engine_.n_positions()));
      }
      ++forgotten;
    }
  }

  // The first user message and its answer. False where only the newest message
  // is left.
  bool forget_oldest_turn() {
    const auto first = messages_.begin() + (system_.empty() ? 0 : 1);
    if (messages_.end() - first < 3) return false;
    messages_.erase(first, first + 2);
    return true;
  }

  const ChatFlags& options_;
  Session session_;
  ChatTemplate template_;
  Engine engine_;
  InterruptFlag interrupt_;
  LineReader reader_;
  std::string system_;
  std::vector<ChatMessage> messages_;
  std::optional<Generation> last_;
};

}  // namespace

void add_chat(CommandLine& line) {
  Command command = line.add_command("chat", "Talk with a model, turn by turn");
  const auto options = std::make_shared<ChatFlags>();
  const FlagGroup group = command.group("Conversation");
  group.add("--system", options->system, "TEXT", "A system message");
  group.add("--template", options->template_file, "FILE",
            "A Jinja chat template instead of the model's own");
  group.add_switch("--show-draft", options->show_draft,
                   "Show where each token came from");
  options->decoding.max_tokens = -1;
  add_decoding_options(command, options->decoding);
  command.on_run([options] { Chat(*options).run(); });
}

}  // namespace pilotfish::cli
