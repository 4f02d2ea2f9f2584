package io.espalier.session.cli;

import static io.espalier.session.cli.CommandLineTester.utf8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.session.Problem;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.Verification;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** The stores that the other tests of the command line use answer as the real ones do. */
class FakeAgreesTest {

    /** Some rows, and after how many of them an epoch ends. */
    record Input(List<String> rows, int epochRows) {}

    @Provide
    Arbitrary<List<Input>> inputs() {
        Arbitrary<String> keys = Arbitraries.of("a", "b", "c", "bb", "\\t", "\u00e9", "z\\\\");
        Arbitrary<String> rows =
                Combinators.combine(keys, Arbitraries.of("", "\t", "\t1", "\t2", "\tx\\ty"))
                        .as(String::concat);
        return Combinators.combine(rows.list().ofMaxSize(12), Arbitraries.integers().between(1, 5))
                .as(Input::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(4);
    }

    /** The engine, in another place. */
    private record Elsewhere(Path folder) implements Stores {
        @Override
        public Store open(Path directory, StoreOptions options) {
            return Stores.ENGINE.open(folder.resolve(directory), options);
        }

        @Override
        public Verification verify(Path directory, Consumer<Problem> problems) {
            return Stores.ENGINE.verify(folder.resolve(directory), problems);
        }
    }

    private static String run(Stores stores, String input, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream err =
                new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8);
        Shell shell = Shell.of(new ByteArrayInputStream(utf8(input)), out, err, stores);
        int code = Main.run(arguments, shell);
        return code + "\n" + out.toString(StandardCharsets.UTF_8);
    }

    @Property(tries = 12)
    void everyCommandAnswersTheSame(@ForAll("inputs") List<Input> inputs) {
        // fails if the fake and the engine differ in what scripts see
        Path folder = temporary();
        try {
            Stores fake = new FakeStores();
            Stores real = new Elsewhere(folder);
            agree(fake, real, "", "scan", "--store", "s");
            for (Input input : inputs) {
                agree(
                        fake,
                        real,
                        String.join("\n", input.rows),
                        "upsert",
                        "--store",
                        "s",
                        "--epoch-every",
                        Integer.toString(input.epochRows),
                        "--report-epochs");
                agree(fake, real, "", "scan", "--store", "s");
                agree(fake, real, "", "changes", "--store", "s");
            }
            agree(fake, real, "", "scan", "--store", "s", "--from", "b", "--to", "c");
            agree(fake, real, "", "compact", "--store", "s");
            for (int epoch = 0; epoch < 8; epoch++) {
                String number = Integer.toString(epoch);
                agree(fake, real, "", "scan", "--store", "s", "--as-of", number);
                agree(fake, real, "", "changes", "--store", "s", "--since", number);
            }
            for (String key : List.of("a", "b", "nobody", "\\t", "")) {
                agree(fake, real, "", "get", "--store", "s", key);
            }
            agree(fake, real, "", "scan", "--store", "s", "--table", "none");
        } finally {
            delete(folder);
        }
    }

    private static void agree(Stores fake, Stores real, String input, String... arguments) {
        assertEquals(
                run(fake, input, arguments),
                run(real, input, arguments),
                () -> String.join(" ", arguments));
    }

    private static Path temporary() {
        try {
            return Files.createTempDirectory("espalier-cli-test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path path : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
