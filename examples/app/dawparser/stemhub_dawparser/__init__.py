"""The example's parser of DAW files: tempo and tracks of Ableton Live sets and Reaper projects."""
