package io.espalier.session.cli;

import io.espalier.spine.SpineScript;

/** {@code espalier debug spine}: the bookkeeping of batches, without any data. */
final class DebugSpineCommand extends ScriptCommand {

    @Override
    Syntax syntax() {
        return syntaxOf(
                "",
                "push LOWER UPPER LEN NAME         adds a batch of LEN updates; if LEN is 0 there is"
                        + " no NAME",
                "since T                           lets merges that begin from now on advance times"
                        + " to T",
                "apply LOWER UPPER SINCE LEN NAME  answers with a compacted batch for these times",
                "exert EFFORT                      works ahead by EFFORT updates",
                "show                              prints the batches, oldest first",
                "",
                "push and exert print a line for each range that is worth compacting by then:",
                "  req [lower][upper][since] names",
                "exert first prints true, or false if there was nothing to do. apply prints exact,"
                        + " subset, too-many",
                "or no-match. show prints <empty>, or for each batch",
                "  [a-b][lower][upper][since] parts/len names",
                "",
                "Example:",
                "  printf 'push 0 1 1 a\\npush 1 2 1 b\\nexert 4\\nshow\\n' | espalier debug spine -");
    }

    @Override
    Script script() {
        return new SpineScript()::run;
    }
}
