/* decimamba: read texts far longer than a Mamba language model was trained on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/menu.h"
#include "commands.h"
#include "decimamba.h"

static const struct command *const commands[] = {
    &generate_command, &ask_command,    &serve_command,    &tokenize_command, &perplexity_command,
    &info_command,     &logits_command, &evaluate_command, &analyze_command,  &calibrate_command,
    &convert_command,  &init_command,   &train_command,    &bench_command,
};
enum { n_command = sizeof commands / sizeof commands[0] };

static struct menu_item command_at(size_t i) {
    return (struct menu_item){commands[i]->name, commands[i]->summary};
}

static int print_version(void) {
    printf("decimamba %s\n", dm_version());
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_warning(const char *line, void *user) {
    (void)user;
    complain("warning: %s", line);
}

static const struct command program = {
    .name = "",
    .operands = "COMMAND ...",
    .summary = "Runs Mamba language models on texts far longer than they were trained on.",
    .notes =
        "At chosen layers, tokens that matter little are dropped from the rest of the network, so "
        "that the reach that the model learned covers a much longer text (DeciMamba, "
        "arXiv:2406.14528). Memory does not grow with the text.\n\n"
        "'decimamba --version' (-V) prints the version.",
    .manual =
        "# MODELS\n\n"
        "A MODEL is a checkpoint directory: config.json (of state-spaces or of transformers), "
        "model.safetensors or pytorch_model.bin, whole or in shards, tokenizer.json for commands "
        "that work on text, and, where there is one, decimamba.json with the model's default "
        "settings. Or it is the directory of a PEFT adapter (adapter_config.json): LoRA is merged "
        "into the model that base_model_name_or_path names, if that is a directory here, and the "
        "files that the adapter lacks come from there.\n\n"
        "Or it is a GGUF file, as llama.cpp reads them, with the tokenizer in it; of a split one, "
        "the first. The architecture is mamba (Falcon-Mamba's models have it too) or mamba2; the "
        "types are "
        "F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K and Q6_K, mixed as they come. Its decimamba.json "
        "is a file beside it: MODEL.gguf.decimamba.json. 'decimamba convert' makes a directory of "
        "it.\n\n"
        "# FLAGS AND ARGUMENTS\n\n"
        "Flags and arguments may come in any order. A flag's value follows it as the next word or "
        "after an equals sign. After -- every word is an argument. A file named - is standard "
        "input. 'decimamba COMMAND --help' says what a command's page says.\n\n"
        "# EXIT STATUS\n\n"
        "0 on success; 1 on any fault, with one line on standard error that names it; 2, with such "
        "a "
        "line, where the command line is not one that the program takes; 130 when "
        "Ctrl-C ended the program (train: also SIGTERM, after saving). Where there is something to "
        "finish first, Ctrl-C says on a terminal what is waited for, and a second one ends the "
        "program at once. When whoever reads the output leaves before its end, as head does, the "
        "program ends by SIGPIPE, without a word.\n\n"
        "# FIGURES\n\nFigures are drawn by gnuplot, where it is installed, from the tables in the "
        "output folder, by scripts that are installed in share/decimamba/plots beside the folder "
        "of the program. They find columns by their names, and a figure can be drawn again, with "
        "other words or in another size of letters:\n\n  gnuplot -e \"table='out/distance.tsv'; "
        "model='my model'; trained=2048\" \\\n      "
        "/usr/local/share/decimamba/plots/distance.gp\n\nThe head of each script names its "
        "variables, that of common.gp those that all have: output, kinds, font_size, model, text, "
        "reading. The scripts are attention, delta, distance, receptive-field and sweep of "
        "analyze; evaluate-grid (right answers by two sides of numbers, as length and depth), "
        "evaluate-lines and evaluate-bars of evaluate; and loss of train. Missing values are nan, "
        "and ? in the tables of evaluate, sweeps and trainings.\n\n"
        "# ENVIRONMENT\n\n"
        "- DECIMAMBA_PLOTS: the folder of the scripts that draw figures, in place of the installed "
        "one: for a look of one's own.\n\n"
        "- TMPDIR: where perplexity in windows, calibrate and evaluate keep the ids of a long text "
        "while they run (4 bytes each, in a file without a name), and what is written on the way; "
        "/tmp where it is not set.\n\n"
        "- NO_COLOR: when set and not empty, the tables of evaluate have no colours, and analyze "
        "delta puts kept tokens in [brackets].",
    .example = "decimamba generate models/passkey-bytes-512 --file prompt.txt --max-tokens 5\n"
               "decimamba generate mamba-130m --file book.txt --layers 12 --max-tokens 50\n"
               "decimamba perplexity mamba-130m --file book.txt --window 10000 --json\n"
               "decimamba calibrate models/passkey-512 --text book.txt\n"
               "decimamba train --config config.json --text books --output out",
};

/* `decimamba --help=words WORD...` asks a command the same behind its own words. */
static void turn_words(int n_argument, char **arguments) {
    char *asked = arguments[1];
    if (n_argument < 3 || strcmp(asked, "--help=words") != 0)
        return;
    memmove(arguments + 1, arguments + 2, (size_t)(n_argument - 2) * sizeof *arguments);
    arguments[n_argument - 1] = asked;
}

int main(int n_argument, char **arguments) {
    const struct menu menu = {.command = &program,
                              .what = "command",
                              .title = "Commands",
                              .n = n_command,
                              .item_at = command_at};
    size_t found;
    /* A file that grew too large is seen where it is written to. A closed pipe ends the program
     * without a word, as it ends other filters. */
    signal(SIGXFSZ, SIG_IGN);
    dm_set_warning(print_warning, NULL);
    turn_words(n_argument, arguments);
    if (n_argument > 1 && (!strcmp(arguments[1], "--version") || !strcmp(arguments[1], "-V")))
        return print_version();
    if (n_argument > 1 && !strcmp(arguments[1], "help"))
        arguments[1] = "--help";
    enum options_result result = menu_choose(&menu, n_argument, arguments, &found);
    int status = result == OPTIONS_READ ? commands[found]->run(n_argument - 1, arguments + 1)
                                        : options_status(result);
    if (status == EXIT_FAILURE && failed_by_usage())
        return EXIT_USAGE;
    return status == EXIT_SUCCESS && !flush_output() ? EXIT_FAILURE : status;
}
