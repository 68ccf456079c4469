"""The stand-ins for edx-platform, held against what a real LMS was seen to do."""
