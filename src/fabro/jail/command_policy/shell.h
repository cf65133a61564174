// Shell text as a tree: what POSIX.1-2017 section 2 ("Shell Command Language") calls words, lists
// and compound commands. The parser decides nothing and runs nothing; in the POSIX dialect it
// accepts what `dash -n` accepts.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabro::jail::command_policy {

// kBash adds [[ ]], (( )), $'…', <(…), <<<, &>, |&, arrays, `function`; bash, zsh and ksh share
// them.
enum class Dialect { kPosix, kBash };

struct Node;

// A stretch of a word.
struct Piece {
  enum class Kind {
    kText,       // `text` as it is; characters of a pattern count only when not quoted.
    kParameter,  // $text, or ${text op word}.
    kCommand,    // $(script), `script`; script is what runs.
    kProcess,    // <(script), >(script): bash.
    kUnknown,    // Known at run time only: arithmetic, arrays.
  };
  Kind kind = Kind::kText;
  bool quoted = false;
  std::string text = {};
  char op = 0;  // kParameter: '-' '=' '+' '?' of ${x:-word}; '!' for what is not folded.
  std::vector<Piece> word =
      {};  // kParameter: behind the operator. kUnknown: parts that are looked at.
  std::vector<Node> script = {};
};

struct Word {
  std::vector<Piece> pieces;
  std::size_t offset = 0;  // Of its first byte in the text.
};

struct Redirect {
  std::string op = {};  // "<", ">>", "<<" and so on.
  Word target = {};
  // Of << and <<-; shared with the parser, which reads it later, at the end of the line.
  std::shared_ptr<Word> here_doc = {};
};

struct Assignment {
  std::string name;
  Word value;
};

struct Node {
  enum class Kind {
    kSimple,
    kPipeline,  // Children are connected by pipes.
    kList,      // Children in order: ; & && || newline, { }, and the bodies of if, while, case.
    kSubshell,
    kFor,       // words: the values of variable `name`.
    kCase,      // words: the subject and the patterns.
    kFunction,  // child 0: the body of `name`.
    kTest,      // [[ ]] and (( )): words are looked at for substitutions.
  };
  Kind kind = Kind::kSimple;
  bool background = false;
  std::string name = {};
  std::vector<Assignment> assignments = {};
  std::vector<Word> words = {};
  std::vector<Redirect> redirects = {};
  std::vector<Node> children = {};
};

struct SyntaxError {
  std::size_t offset = 0;
  std::string message;
};

// `commands` are those that were complete before the error: a shell runs line by line, so they run.
struct Script {
  std::vector<Node> commands;
  std::optional<SyntaxError> error;
};

// Text longer than this, and nesting deeper, are errors ("too long", "nested too deeply").
inline constexpr std::size_t kMostShellText = 256 * 1024;
inline constexpr int kDeepestNesting = 100;

Script ParseShell(std::string_view text, Dialect dialect);

// `text` split as the shell splits words, with its quotes removed; nothing is expanded. For what
// `env -S` and rules are written in. nullopt: a quote is not closed.
std::optional<std::vector<std::string>> SplitWords(std::string_view text);

}  // namespace fabro::jail::command_policy
