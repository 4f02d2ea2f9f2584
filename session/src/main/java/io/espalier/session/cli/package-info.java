/**
 * The command line: {@code espalier upsert}, {@code get}, {@code scan} and so on. Others script it,
 * so options, output and exit codes are as stable as an API.
 *
 * <p>Read in this order: {@link io.espalier.session.cli.Main}, from arguments to an exit code;
 * {@code Commands}, which ones there are; {@code Command}, what each must say of itself; then the
 * commands, of which {@code UpsertCommand} with {@code UpsertRun} is the longest. {@code Shell} is
 * all that they see of the process, {@code CommandException} and {@code ExitCode} are how they end.
 *
 * <p>Starting is part of answering: only the command that was named is made, arguments that are
 * plainly right are taken as they are ({@code Arguments}), and picocli is loaded for help and for
 * explaining mistakes ({@code Usage}).
 */
@NullMarked
package io.espalier.session.cli;

import org.jspecify.annotations.NullMarked;
