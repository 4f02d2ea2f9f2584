package io.espalier.spine;

import static io.espalier.spine.Facts.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class MergeRequestTest {
    private static MergeRequest request(long first, long end, long since) {
        SpineId id = new SpineId(first, end);
        HollowBatch input = HollowBatch.empty(times(first, end, 0));
        return new MergeRequest(
                id, times(first, end, since), List.of(new IdHollowBatch(id, input)));
    }

    private static void assertKept(List<MergeRequest> expected, MergeRequest... requests) {
        assertEquals(expected, MergeRequest.withoutRedundant(List.of(requests)));
    }

    @Test
    void requestsThatAWiderOneCoversAreDroppedWhateverTheOrder() {
        // Fails when the same parts are compacted twice at once, for an equal lower end, an equal
        // upper end or neither.
        MergeRequest wide = request(0, 8, 0);
        for (MergeRequest narrow :
                List.of(wide, request(0, 3, 0), request(5, 8, 0), request(2, 4, 0))) {
            assertKept(List.of(wide), wide, narrow);
            assertKept(List.of(wide), narrow, wide);
        }
        assertKept(List.of(wide), request(0, 2, 0), request(2, 4, 0), request(0, 4, 0), wide);
    }

    @Test
    void requestsThatDoNotCoverEachOtherAreAllKeptLastFirst() {
        // Fails when a request is lost, or comes out in another order than the golden files show.
        assertKept(List.of());
        MergeRequest a = request(0, 2, 0);
        MergeRequest b = request(2, 4, 0);
        assertKept(List.of(a), a);
        assertKept(List.of(b, a), a, b);
        MergeRequest overlapping = request(1, 3, 0);
        assertKept(List.of(overlapping, a), a, overlapping);
    }

    @Test
    void requestsAtAnotherSinceAreKept() {
        // Fails when an older since hides the request that advances times further.
        MergeRequest old = request(0, 4, 0);
        MergeRequest advanced = request(0, 4, 3);
        assertKept(List.of(advanced, old), old, advanced);
        assertKept(List.of(old, advanced), advanced, old);
    }

    @Test
    void inputsMustTileTheRequest() {
        // Fails when a request read from elsewhere can name parts with a hole between them.
        IdHollowBatch a = new IdHollowBatch(new SpineId(0, 1), HollowBatch.empty(times(0, 1, 0)));
        IdHollowBatch c = new IdHollowBatch(new SpineId(2, 3), HollowBatch.empty(times(2, 3, 0)));
        IllegalArgumentException hole =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> new MergeRequest(new SpineId(0, 3), times(0, 3, 0), List.of(a, c)));
        assertTrue(
                String.valueOf(hole.getMessage()).contains("part 2-3 begins at 2, expected 1"),
                hole.getMessage());
        assertThrows(
                IllegalArgumentException.class,
                () -> new MergeRequest(new SpineId(0, 2), times(0, 1, 0), List.of(a)));
        assertThrows(
                IllegalArgumentException.class,
                () -> new MergeRequest(new SpineId(0, 1), times(0, 2, 0), List.of(a)));
    }
}
