package io.espalier.jmh;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.TrieView;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is called paged is. */
class FixtureTest {

    private static final int UPDATES = 2_000;

    /** Fails if an input that is in memory, or mapped, passes for one that is paged out. */
    @ParameterizedTest
    @EnumSource(
            value = Where.class,
            names = {"RESIDENT"},
            mode = EnumSource.Mode.EXCLUDE)
    void pagedInputsAreCheckedToBeOut(Where where) throws IOException {
        try (Fixture fixture = new Fixture(where);
                Shapes source = new Shapes(fixture.memory(), Shape.A, UPDATES);
                Fixture.Staging input = fixture.form(Shape.A.type(), source::stage)) {
            fixture.checkInputs();
            ChunkPin pin = input.batch().open(0, new TrieView());
            assertThrows(IllegalStateException.class, fixture::checkInputs);
            pin.close();
            fixture.checkInputs();
        }
    }
}
