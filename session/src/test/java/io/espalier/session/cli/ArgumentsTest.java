package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Arguments mean the same, whether they are taken at first glance or by picocli. */
class ArgumentsTest {

    private static final String[] WORDS = {
        "--store", "s", "--store=s", "--table", "t=u", "--table=", "--no-newline", "--", "-", "",
        "key", "@file", "a,b", "--from", "-k", "${x}", "\"q\"", "--quiet", "--key=a,b", "--help"
    };

    @Property(tries = 5000)
    void whatIsTakenAtFirstGlancePicocliTakesAlike(@ForAll long seed) {
        // fails if the quick way accepts something that help and messages know otherwise
        Random random = new Random(seed);
        List<Commands> all = List.of(Commands.values());
        Commands named = all.get(random.nextInt(all.size()));
        Syntax syntax = named.create().syntax();
        String[] words = new String[random.nextInt(7)];
        Arrays.setAll(words, i -> WORDS[random.nextInt(WORDS.length)]);
        Arguments quick = Arguments.parse(syntax, words);
        if (quick == null) {
            return;
        }
        Arguments slow = new Usage(named, syntax).parse(words);
        assertNotNull(slow);
        String shown = Arrays.toString(words);
        assertEquals(slow.parameter(), quick.parameter(), shown);
        for (Syntax.Option option : syntax.options()) {
            assertEquals(slow.text(option.name()), quick.text(option.name()), shown);
        }
    }

    @Test
    void theUsualFormsAreTakenAtFirstGlance() {
        // fails if every call has to wait for picocli
        Syntax get = Commands.GET.create().syntax();
        assertNotNull(Arguments.parse(get, new String[] {"--store", "s", "key"}));
        assertNotNull(Arguments.parse(get, new String[] {"--store=s", "--table", "t", "--", "-k"}));
        Syntax upsert = Commands.UPSERT.create().syntax();
        assertNotNull(Arguments.parse(upsert, new String[] {"--store", "s", "-"}));
        assertNotNull(Arguments.parse(upsert, new String[] {"--store", "s", "--quiet"}));
    }
}
