// What runs show on a terminal, and what they leave when Ctrl-C ends them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "html_page.h"
#include "program.h"
#include "random_model.h"
#include "terminal.h"

namespace pilotfish {
namespace {

using test::Terminal;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kInterrupted = 128 + SIGINT;

class InterruptedSweepTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_DATA("models/stories260K"); }

  // More prompts than any test waits for.
  std::vector<std::string> sweep(std::vector<std::string> more) {
    std::ofstream prompts(path("prompts.txt"));
    for (int i = 0; i < kPrompts; ++i) prompts << "Once upon a time\n";
    const std::string model = test::data_path("models/stories260K").string();
    std::vector<std::string> arguments = {"sweep",     "-m",
                                          model,       "-d",
                                          model,       "--draft-layers",
                                          "4",         "-t",
                                          "1",         "-n",
                                          "64",        "--ignore-eos",
                                          "--windows", "2,4",
                                          "--prompts", path("prompts.txt")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string path(const char* name) { return (place_.path() / name).string(); }

  static constexpr int kPrompts = 100000;

 private:
  test::TemporaryFolder place_;
};

// The pieces that were written over each other in the last line.
std::vector<std::string> progress_lines(const std::string& screen) {
  const std::string clear = "\r\033[K";
  std::vector<std::string> lines;
  for (size_t at = screen.find(clear); at != screen.npos;) {
    at += clear.size();
    const size_t next = screen.find(clear, at);
    lines.push_back(screen.substr(at, next - at));
    at = next;
  }
  return lines;
}

TEST_F(InterruptedSweepTest, SaysSoAndCountsWhatRan) {
  Terminal terminal(sweep({}), 44);
  terminal.wait_for("measuring");
  terminal.interrupt();
  const std::string shown = terminal.wait_for("sum.");
  EXPECT_EQ(terminal.wait(), kInterrupted);
  EXPECT_THAT(shown, AllOf(HasSubstr("\ninterrupted: "),
                           HasSubstr(" of 200000 runs were made"),
                           Not(HasSubstr("\n100000 prompts, "))));
  EXPECT_THAT(terminal.screen(),
              AllOf(Not(HasSubstr("\nbest (")), Not(HasSubstr("\nbest:"))));
  std::istringstream lines(terminal.screen());
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\033[") != line.npos || line.starts_with("  pilotfish")) {
      continue;
    }
    EXPECT_LE(line.size(), 44 + 1) << line;  // and "\r"
  }
}

TEST_F(InterruptedSweepTest, SaysSoInJsonAndOnThePage) {
  Terminal terminal(sweep({"--json", "--html", path("page.html")}), 20);
  terminal.wait_for("measuring");
  terminal.interrupt();
  EXPECT_EQ(terminal.wait(), kInterrupted);
  const std::string& screen = terminal.screen();
  const size_t begin = screen.find("{\"model\"");
  ASSERT_NE(begin, screen.npos) << screen;
  const Json json =
      Json::parse(screen.substr(begin, screen.find("\n", begin) - begin));
  EXPECT_EQ(json["interrupted"], true);
  EXPECT_EQ(json["prompts_asked"], kPrompts);
  EXPECT_EQ(json["settings_asked"], 2);
  ASSERT_FALSE(json["settings"].empty());
  EXPECT_EQ(json["prompts"], json["settings"][0]["prompts"]);
  EXPECT_GE(json["prompts"], 1);
  EXPECT_LT(json["prompts"], kPrompts);
  EXPECT_EQ(json["best"].is_null(), json["settings"].size() < 2);
  const Json page = test::data_of(test::read_file(path("page.html")));
  EXPECT_EQ(page["sweep"], json);

  for (const std::string& line : progress_lines(screen.substr(0, begin))) {
    const auto columns =
        std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; });
    EXPECT_LT(columns, 20) << line;
  }
}

// Whether the process has an eventfd open: the flag that Ctrl-C raises.
bool has_interrupt_flag(pid_t process) {
  const std::filesystem::path files =
      "/proc/" + std::to_string(process) + "/fd";
  std::error_code gone;
  for (const auto& file : std::filesystem::directory_iterator(files, gone)) {
    const auto target = std::filesystem::read_symlink(file.path(), gone);
    if (target == "anon_inode:[eventfd]") return true;
  }
  return false;
}

// In clock ticks, of which a second has about a hundred.
long processor_time(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // Behind the name, which may hold blanks: utime and stime are the 12th and
  // the 13th field.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return user + system;
}

TEST(InterruptedTrace, WritesItsPageAndTellsTheShell) {
  const test::TemporaryFolder folder;
  const auto path = [&](const char* name) {
    return (folder.path() / name).string();
  };
  test::RandomModelOptions model;
  model.hidden_size = 256;
  model.n_layers = 4;
  model.n_positions = 16384;
  test::write_random_model(path("model"), model);
  Terminal terminal({"trace", "-m", path("model"), "--tokens", "1 5", "-t", "1",
                     "-n", "16000", "--ignore-eos", "-o", path("page.html")});
  terminal.wait_until([&] { return has_interrupt_flag(terminal.process()); });
  // The handler is installed right behind it, long before the next tick.
  const long then = processor_time(terminal.process());
  terminal.wait_until(
      [&] { return processor_time(terminal.process()) > then + 2; });
  terminal.interrupt();
  EXPECT_EQ(terminal.wait(), kInterrupted);
  EXPECT_THAT(terminal.screen(), HasSubstr("ended by cancelled"));
  EXPECT_EQ(test::html_fault(test::read_file(path("page.html"))), "");
}

}  // namespace
}  // namespace pilotfish
