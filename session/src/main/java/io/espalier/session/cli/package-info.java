/**
 * The command line: {@code espalier upsert}, {@code get}, {@code scan} and so on. Others script it,
 * so options, output and exit codes are as stable as an API.
 *
 * <p>Read in this order: {@link io.espalier.session.cli.Main}, from arguments to an exit code;
 * {@code Commands}, which ones there are; {@code Command}, what each must say of itself; then the
 * commands, of which {@code UpsertCommand} with {@code UpsertRun} is the longest. {@code Shell} is
 * all that they see of the process, {@code CommandException} and {@code ExitCode} are how they end.
 *
 * <p>Starting is part of answering: arguments are parsed by a picocli model that is built by hand,
 * for the one command that was named, and nothing is loaded that the command does not need.
 */
@NullMarked
package io.espalier.session.cli;

import org.jspecify.annotations.NullMarked;
