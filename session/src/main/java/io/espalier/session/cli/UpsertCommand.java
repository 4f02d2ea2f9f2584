package io.espalier.session.cli;

import io.espalier.session.Limits;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.text.BadLineException;
import io.espalier.session.text.RowReader;
import io.espalier.session.text.TextFormat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code espalier upsert}: a stream of puts and deletes. */
final class UpsertCommand extends Command {

    private static final String FORMAT = "--format";
    private static final String KEY = "--key";
    private static final String VALUE = "--value";
    private static final String DELETE_IF = "--delete-if";
    private static final String CRLF = "--crlf";
    private static final String EPOCH_EVERY = "--epoch-every";
    private static final String SKIP_BAD = "--skip-bad";
    private static final String REPORT_EPOCHS = "--report-epochs";
    private static final String QUIET = "--quiet";

    private static final long EPOCH_LINES_DEFAULT = 10_000;

    @Override
    Syntax syntax() {
        return new Syntax()
                .store()
                .table()
                .value(
                        FORMAT,
                        "tsv|csv|jsonl",
                        "the format of the input; without it, what the name of FILE ends"
                                + " in (.csv, .jsonl, .ndjson), otherwise tsv")
                .value(
                        KEY,
                        "COL[,COL]",
                        "csv, jsonl: the columns or members that are the key, separated by"
                                + " commas. Several are joined by a tab, each escaped as in"
                                + " tsv")
                .value(
                        VALUE,
                        "COL",
                        "csv: the column whose text is the value; without it the value is a"
                                + " JSON object of all columns that are not the key")
                .value(
                        DELETE_IF,
                        "COL=TEXT",
                        "csv, jsonl: rows whose column or member has this text delete their"
                                + " key; without it nothing is deleted")
                .flag(CRLF, "tsv: lines end with CR LF; without it a CR is part of the value")
                .value(
                        EPOCH_EVERY,
                        "N",
                        "commits after every N rows, and at the end; without it, after every 10000."
                                + " What waits beyond the budget is spilled")
                .budget()
                .value(
                        SKIP_BAD,
                        "FILE",
                        "writes bad lines there and goes on: where and why, a tab, and the"
                                + " line as it was. Made when there is one")
                .flag(
                        REPORT_EPOCHS,
                        "prints 'durable EPOCH LINES' on standard output as each epoch becomes"
                                + " durable: LINES lines of the input are in it and those before")
                .flag(QUIET, "no progress and no summary")
                .parameter("FILE", false, "the input; '-' or nothing is standard input")
                .notes(
                        "",
                        "tsv    key<TAB>value sets, a line without a tab deletes. Keys are UTF-8,"
                                + " values any bytes.",
                        "       \\t, \\n and \\\\ are a tab, a line feed and a backslash; there are no"
                                + " other escapes.",
                        "csv    RFC 4180 with a header line.",
                        "jsonl  one object per line; the value is the object as it was written.",
                        "Limits: a key has 1 to "
                                + Limits.KEY_BYTES_MAX
                                + " bytes, a value at most "
                                + ByteSizes.exact(Limits.VALUE_BYTES_MAX)
                                + ".",
                        "",
                        "The store is made if it is not there. A bad line stops the run with its"
                                + " number: nothing of its epoch",
                        "is applied, earlier epochs are durable, and the message says up to which"
                                + " line they go.",
                        "Exit codes: 0 all applied, 2 bad input or usage, 3 the environment failed.",
                        "",
                        "Examples:",
                        "  printf 'a\\t1\\nb\\t2\\na\\n' | espalier upsert --store s",
                        "  espalier upsert --store s --table people --key id people.csv",
                        "  espalier upsert --store s --key region,id --delete-if op=D"
                                + " --skip-bad bad.txt feed.jsonl");
    }

    @Override
    int run(Arguments arguments, Shell shell) throws IOException {
        String inputName = arguments.parameter();
        boolean standardInput = inputName == null || inputName.equals("-");
        Path file = inputName == null || standardInput ? null : Arguments.path("FILE", inputName);
        TextFormat format = format(arguments, file);
        RowReader.Options readerOptions = readerOptions(arguments, format);
        SkipFile skipFile = skipFile(arguments, file);
        Path directory = arguments.store();
        String tableName = arguments.tableName();
        long budgetBytes = arguments.budgetBytes();
        long epochRows = arguments.number(EPOCH_EVERY, 1, EPOCH_LINES_DEFAULT);

        String shownName = file == null ? "<stdin>" : file.toString();
        try (InputStream input = file == null ? shell.in() : InputFiles.open(file)) {
            RowReader reader = RowReader.of(format, input, readerOptions);
            openReader(reader, shownName);
            StoreOptions options =
                    StoreOptions.defaults().withCreate(true).withBudgetBytes(budgetBytes);
            try (Store store = shell.stores().open(directory, options);
                    Progress progress =
                            new Progress(
                                    arguments.flag(QUIET) ? shell.unwatched() : shell,
                                    "upsert",
                                    "rows",
                                    file == null ? Progress.UNKNOWN : Files.size(file),
                                    () -> store.stats().memory())) {
                UpsertRun run =
                        new UpsertRun(
                                new UpsertRun.Input(reader, shownName),
                                store,
                                store.table(tableName),
                                epochRows,
                                skipFile,
                                arguments.flag(REPORT_EPOCHS) ? shell : null,
                                progress);
                run.run();
                progress.finish();
                if (!arguments.flag(QUIET)) {
                    shell.say(run.summary());
                    if (format == TextFormat.TSV && run.everyLineEndedInCr()) {
                        shell.say(
                                "note: every line ended in CR LF, and the CR was taken as part of"
                                        + " the row; if that is not meant, use --crlf");
                    }
                }
            }
            return ExitCode.DONE;
        }
    }

    private static TextFormat format(Arguments arguments, @Nullable Path file) {
        String name = arguments.text(FORMAT);
        if (name == null) {
            Path fileName = file == null ? null : file.getFileName();
            return fileName == null ? TextFormat.TSV : TextFormat.ofFileName(fileName.toString());
        }
        TextFormat format = TextFormat.named(name);
        if (format == null) {
            throw Arguments.wrong("--format '" + name + "' is none of tsv, csv, jsonl");
        }
        return format;
    }

    private static RowReader.Options readerOptions(Arguments arguments, TextFormat format) {
        String keys = arguments.text(KEY);
        List<String> key = keys == null ? List.of() : List.of(keys.split(",", -1));
        String value = arguments.text(VALUE);
        String deleteIf = arguments.text(DELETE_IF);
        boolean crlf = arguments.flag(CRLF);
        boolean tsv = format == TextFormat.TSV;
        refuse(tsv && !key.isEmpty(), KEY, "csv and jsonl");
        refuse(tsv && deleteIf != null, DELETE_IF, "csv and jsonl");
        refuse(format != TextFormat.CSV && value != null, VALUE, "csv");
        refuse(!tsv && crlf, CRLF, "tsv");
        if (!tsv && key.isEmpty()) {
            throw Arguments.wrong(
                    "--key is missing; "
                            + format.formatName()
                            + " needs it to know which "
                            + (format == TextFormat.CSV ? "columns" : "members")
                            + " are the key");
        }
        for (int i = 0; i < key.size(); i++) {
            if (key.get(i).isEmpty() || key.indexOf(key.get(i)) < i) {
                throw Arguments.wrong("--key '" + keys + "' has an empty name or one twice");
            }
        }
        RowReader.Options options = RowReader.Options.defaults().withKey(key).withCrlf(crlf);
        if (value != null) {
            options = options.withValue(value);
        }
        if (deleteIf != null) {
            int equals = deleteIf.indexOf('=');
            if (equals <= 0) {
                throw Arguments.wrong(
                        "--delete-if '" + deleteIf + "' is not NAME=TEXT, such as op=D");
            }
            options =
                    options.withDelete(
                            deleteIf.substring(0, equals), deleteIf.substring(equals + 1));
        }
        return options;
    }

    private static void refuse(boolean given, String option, String formats) {
        if (given) {
            throw Arguments.wrong(
                    option + " is only for " + formats + "; name the format with --format");
        }
    }

    private static @Nullable SkipFile skipFile(Arguments arguments, @Nullable Path input)
            throws IOException {
        String name = arguments.text(SKIP_BAD);
        if (name == null) {
            return null;
        }
        Path path = Arguments.path(SKIP_BAD, name);
        if (input != null && Files.exists(path) && Files.exists(input)) {
            if (Files.isSameFile(path, input)) {
                throw Arguments.wrong(
                        "--skip-bad " + path + " is the input itself; name another file");
            }
        }
        if (Files.isDirectory(path)) {
            throw Arguments.wrong("--skip-bad " + path + " is a directory; name a file");
        }
        return new SkipFile(path);
    }

    private static void openReader(RowReader reader, String inputName) {
        try {
            reader.open();
        } catch (BadLineException e) {
            throw Arguments.wrong(
                    UpsertRun.where(inputName, e) + e.reason() + "; nothing is applied");
        } catch (IOException e) {
            throw InputFiles.unreadable(inputName, e);
        }
    }
}
